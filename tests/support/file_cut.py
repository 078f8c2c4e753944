# SPDX-License-Identifier: MIT
"""What a power cut leaves of files and their names, after a program that recording_io.so has watched was killed.

    with Watched(directory) as watched:      a directory whose files are recorded
        ... run the program with watched.env, kill it ...
        watched.cut(per_cent, random)        what was not synced is lost by chance

Contents: of the writes and cuts of a file behind its last fdatasync each stays with a chance of `per_cent`, whole or up to
a sector's border; the others are undone. Names: of what was made, renamed and removed in a directory behind its last fsync
some first part stays, as a journaling file system does it, and the rest is undone. A file whose name is lost is lost.
Directories themselves stay."""
import collections
import os
import shutil
import struct

SECTOR = 512
HEAD = struct.Struct("<IIQQqqQQ")  # power_cut_record
WRITE, TRUNCATE, SYNC, MAKE, RENAME, REMOVE, SYNC_NAMES = range(1, 8)
Change = collections.namedtuple("Change", "kind number offset size before after path")
Result = collections.namedtuple("Result", "lost kept names_lost")


class Watched:
    def __init__(self, directory, library):
        self.record = os.path.realpath(directory) + ".record"
        self.env = {"LD_PRELOAD": library, "FAILING_IO_RECORD": self.record,
                    "FAILING_IO_UNDER": os.path.realpath(directory)}
        self._clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.record + ".d", ignore_errors=True)
        if os.path.exists(self.record):
            os.unlink(self.record)

    def _clear(self):
        self.__exit__()
        os.mkdir(self.record + ".d")

    def cut(self, per_cent, random):
        changes, names, safe, safe_names = self._read()
        lost, kept = _cut_contents([c for c in changes if c.number > safe.get(c.path, 0)], per_cent, random)
        names_lost = self._cut_names([n for n in names if n.number > safe_names.get(os.path.dirname(n.path), 0)], random)
        self._clear()
        return Result(lost, kept, names_lost)

    def _read(self):
        """What a kill cut short at the end of the record has not happened."""
        changes, names, safe, safe_names = [], [], {}, {}
        if not os.path.exists(self.record):  # killed before it began
            return changes, names, safe, safe_names
        with open(self.record, "rb") as file:
            data = file.read()
        at = 0
        while at + HEAD.size <= len(data):
            kind, path_len, number, upto, offset, size, before, after = HEAD.unpack_from(data, at)
            at += HEAD.size
            if path_len + before + after > len(data) - at:
                break
            path = os.fsdecode(data[at:at + path_len])
            at += path_len
            old, new = data[at:at + before], data[at + before:at + before + after]
            at += before + after
            if kind in (SYNC, SYNC_NAMES):
                table = safe if kind == SYNC else safe_names
                table[path] = max(table.get(path, 0), upto)
            else:
                (changes if kind in (WRITE, TRUNCATE) else names).append(
                    Change(kind, number, offset, size, old, new, path))
        return changes, names, safe, safe_names

    def _anchor(self, inode):
        return os.path.join(self.record + ".d", str(inode))

    def _put(self, path, inode):
        """`path` becomes a name of the file again, or of none."""
        if os.path.lexists(path):
            os.unlink(path)
        if inode:
            os.link(self._anchor(inode), path)

    def _cut_names(self, names, random):
        directories = collections.defaultdict(list)
        for name in names:
            directories[os.path.dirname(name.path)].append(name)
        lost = 0
        for events in directories.values():
            for event in reversed(events[random.randint(0, len(events)):]):
                lost += 1
                if event.kind == MAKE:
                    self._put(event.path, 0)
                elif event.kind == RENAME:
                    self._put(os.fsdecode(event.after), event.size)
                    self._put(event.path, event.offset)
                elif os.path.isdir(os.path.dirname(event.path)):
                    self._put(event.path, event.offset)
        return lost


def _cut_contents(changes, per_cent, random):
    lost = 0
    files = {path: os.open(path, os.O_RDWR) for path in {c.path for c in changes} if os.path.exists(path)}
    changes = [c for c in changes if c.path in files]
    for change in reversed(changes):
        fd = files[change.path]
        if change.before:
            os.pwrite(fd, change.before, change.offset)
        os.ftruncate(fd, change.size)
    for change in changes:
        fd = files[change.path]
        if random.randrange(100) >= per_cent:
            lost += 1
        elif change.kind == TRUNCATE:
            os.ftruncate(fd, change.offset)
        else:
            new = change.after
            if len(new) > SECTOR and random.randrange(4) == 0:
                new = new[:SECTOR * random.randint(1, len(new) // SECTOR)]
            os.pwrite(fd, new, change.offset)
    for fd in files.values():
        os.close(fd)
    return lost, len(changes) - lost

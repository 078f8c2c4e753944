// SPDX-License-Identifier: MIT
//
// A subscriber in JavaScript, without packages. Prints a line for each event (its type, a blank, its
// data) until COUNT have come.
//
//     node sse_client.mjs MODE URL COUNT [DROP]
//
// MODE  eventsource   as the HTML standard describes EventSource: parses lines, keeps the last id, comes
//                     again with Last-Event-ID; with DROP it loses its connection after every DROP events
//       forgetful     forgets an event that is not whole when a piece arrives, as a known client does
//       last-line     keeps the last `data` line of an event, stops at two empty lines, as two others do
import http from "node:http";

const [mode, url, countText, dropText] = process.argv.slice(2);
const count = Number(countText), drop = Number(dropText ?? 0);
let seen = 0, lastEventId = "";

function give(type, data) {
    process.stdout.write(`${type} ${data}\n`, () => { if (++seen >= count) process.exit(0); });
}

function fail(why) {
    process.stderr.write(why + "\n");
    process.exit(1);
}

// 9.2.6 of the HTML standard, "Interpreting an event stream".
class EventStream {
    buffer = ""; data = []; type = ""; id = null;
    constructor(dispatch) { this.dispatch = dispatch; }
    push(text) {
        this.buffer += text;
        let match;
        while ((match = /\r\n|\n|\r/.exec(this.buffer)) !== null) {
            const line = this.buffer.slice(0, match.index);
            this.buffer = this.buffer.slice(match.index + match[0].length);
            this.line(line);
        }
    }
    line(line) {
        if (line === "") {
            if (this.id !== null) lastEventId = this.id;
            if (this.data.length > 0) this.dispatch(this.type || "message", this.data.join("\n"));
            this.data = []; this.type = "";
            return;
        }
        if (line.startsWith(":")) return;
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        let value = colon < 0 ? "" : line.slice(colon + 1);
        if (value.startsWith(" ")) value = value.slice(1);
        if (field === "data") this.data.push(value);
        else if (field === "event") this.type = value;
        else if (field === "id" && !value.includes("\0")) this.id = value;
    }
}

function connectEventSource() {
    const headers = { Accept: "text/event-stream", "Cache-Control": "no-store" };
    if (lastEventId !== "") headers["Last-Event-ID"] = lastEventId;
    let since = 0;
    const request = http.get(url, { headers }, (response) => {
        if (response.statusCode !== 200) fail(`status ${response.statusCode}`);
        if (response.headers["content-type"] !== "text/event-stream") fail("not an event stream");
        response.setEncoding("utf8");
        const stream = new EventStream((type, data) => {
            if (drop > 0 && since >= drop) return; // the connection is lost already
            give(type, data);
            if (++since === drop) request.destroy();
        });
        response.on("data", (text) => { if (drop === 0 || since < drop) stream.push(text); });
        response.on("close", () => setTimeout(connectEventSource, 20));
        response.on("error", () => {});
    });
    request.on("error", () => {});
}

async function runForgetful() {
    const response = await fetch(url);
    if (!response.ok) fail(`status ${response.status}`);
    const decoder = new TextDecoder();
    for await (const piece of response.body) {
        let type = "", data = "";
        for (const line of decoder.decode(piece).split("\n")) {
            if (line.startsWith("event: ")) type = line.slice(7);
            else if (line.startsWith("data: ")) data = line.slice(6);
            else if (line === "" && type !== "" && data !== "") {
                give(type, data);
                type = data = "";
            }
        }
    }
    fail("the stream has ended");
}

async function runLastLine() {
    const response = await fetch(url, { headers: { Accept: "text/event-stream" } });
    if (!response.ok) fail(`status ${response.status}`);
    let text = "";
    for await (const piece of response.body) {
        text += Buffer.from(piece).toString("utf8");
        if (text.includes("\n\n\n")) fail("two empty lines");
        for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
            const block = text.slice(0, end);
            if (block === "") fail("an event without lines");
            let type = "", data = "";
            for (const line of block.split("\n")) {
                if (line.startsWith("event: ")) type = line.slice(7);
                if (line.startsWith("data: ")) data = line.slice(6);
            }
            if (data !== "") give(type, data);
        }
    }
    fail("the stream has ended");
}

if (mode === "eventsource") connectEventSource();
else if (mode === "forgetful") runForgetful();
else if (mode === "last-line") runLastLine();
else fail("unknown mode");

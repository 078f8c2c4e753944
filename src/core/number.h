/* SPDX-License-Identifier: MIT
 *
 * core/number.h - numbers from text and back: exact, strict, and the same in every locale.
 *
 * Parsers take the whole slice or refuse it: no blanks, no leftovers, no spelling that would not be
 * written again the same way. They return false and leave `out` alone when they refuse. Formatters
 * write no NUL and return the length; they may scribble over all of the room they ask for.
 *
 * Integers and floats are in number.c and number_float.c, decimals in number_decimal.c, durations
 * and sizes in number_units.c.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_NUMBER_H
#define MR_CORE_NUMBER_H

#include "core/base.h"

/* --- integers
 * ------------------------------------------------------------------------------------- */

#define MR_INT_TEXT_MAX 20 /* room for mr_format_i64() and mr_format_u64() */

/* Exactly `0` or `-?[1-9][0-9]*` that fits: `007`, `+5` and `-0` are refused. */
MR_HOT bool mr_parse_i64(mr_slice text, int64_t *out);
/* Exactly `0` or `[1-9][0-9]*` that fits. */
MR_HOT bool mr_parse_u64(mr_slice text, uint64_t *out);

MR_HOT size_t mr_format_i64(char *out, int64_t value);
MR_HOT size_t mr_format_u64(char *out, uint64_t value);

/* --- binary floats
 * -------------------------------------------------------------------------------- */

#define MR_F64_TEXT_MAX 32

/* The grammar of a JSON number (RFC 8259, section 6), rounded to the nearest double, ties to even,
 * whatever the number of digits. Too small becomes 0 or -0; too large to be finite is refused. */
bool mr_parse_f64(mr_slice text, double *out);

/* The fewest digits that read back as the same double, as a JSON number that stays a float: `1.0`,
 * `-0.0`, `0.1`, `1e22`, `1.5e-7`. Decimal exponents -5 to 15 are written out. 0 for infinities and
 * not-a-numbers, which JSON cannot write. */
size_t mr_format_f64(char *out, double value);

/* --- decimals: coefficient / 10^scale, "12.34" is 1234 with scale 2
 * ------------------------------- */

__extension__ typedef __int128 mr_i128;
__extension__ typedef unsigned __int128 mr_u128;

#define MR_DECIMAL_DIGITS_MAX 38 /* of a parsed text, and the largest scale */
#define MR_DECIMAL_TEXT_MAX   64 /* room for mr_format_decimal(), which writes at most 42 */

/* Exactly `-?(0|[1-9][0-9]*)(\.[0-9]+)?` of at most 38 digits in all, and no minus before zero: the
 * texts that mr_format_decimal() writes. */
MR_HOT bool mr_parse_decimal(mr_slice text, mr_i128 *out, unsigned *out_scale);

/* Writes all `scale` digits after the point (no point for 0). `scale` is at most 38. */
MR_HOT size_t mr_format_decimal(char *out, mr_i128 value, unsigned scale);

/* 10^exponent; `exponent` is at most 38. */
mr_i128 mr_pow10_i128(unsigned exponent);

/* --- what people write in configurations
 * ---------------------------------------------------------- */

#define MR_UNIT_TEXT_MAX 40

/* `10s`, `1m30s`, `250ms`, `1.5h`: numbers with the units d h m s ms us (or the micro sign) ns,
 * larger units first, each once; the last may have a fraction. Or a plain integer, which is
 * nanoseconds. What is not a whole number of nanoseconds, is negative or does not fit is refused.
 */
bool mr_parse_duration(mr_slice text, int64_t *out_ns);

/* `4096`, `64MiB`, `1.5 GiB`, `10MB`, `512K`, `7B`: K, Ki and KiB are 1024 bytes, KB is 1000;
 * likewise M, G, T, P; in any case of letters, after at most one blank. Refused unless it is a
 * whole number of bytes that fits. */
bool mr_parse_size(mr_slice text, uint64_t *out_bytes);

/* For people, rounded: `850ns`, `12.3us`, `250.0ms`, `1.5s`, `1m30s`, `2h05m`, `3d04h`. */
size_t mr_format_duration(char *out, int64_t duration_ns);
/* For people, rounded: `812 B`, `64.0 KiB`, `1.5 GiB`. */
size_t mr_format_size(char *out, uint64_t size_bytes);

#endif

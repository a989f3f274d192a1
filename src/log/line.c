#include "log/line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

enum {
    TAIL_BYTES = 16,                          /* always left for what ends a line */
    BODY_BYTES = LOG_LINE_BYTES - TAIL_BYTES, /* for everything else */
    NUMBER_BYTES = 40,                        /* the longest number, or escaped character */
    TEXT_BYTES = 1536,                        /* of one text: it must leave room for other fields */
    FIELD_OVERHEAD = 24 + NUMBER_BYTES        /* around a field's name and text: quotes, colors, a last escape */
};

static const char *const severity_names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
static const char *const severity_colors[] = {"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[1;31m"};
static const char dim[] = "\x1b[2m", plain[] = "\x1b[0m";

/* ---- Bytes; the callers have checked that there is room ------------------------------------------------ */

static void put(log_line *line, const char *bytes, size_t size)
{
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

static void put_text(log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_byte(log_line *line, char byte)
{
    line->bytes[line->size++] = byte;
}

/* ---- Characters ---------------------------------------------------------------------------------------- */

/* Whether a character could change what a terminal shows of the characters around it: controls, line separators and
 * the marks that turn the direction of writing. */
static bool is_disturbing(utf8proc_int32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

/* Appends what stands for the character at `text` and returns how many bytes it took of it. The same escapes serve
 * JSON and text. A byte that is not UTF-8 becomes \xff to the reader, which in JSON is written \\xff. */
static size_t put_character(log_line *line, bool json, const char *text, size_t left)
{
    utf8proc_int32_t character;
    utf8proc_ssize_t size =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)(left < 4 ? left : 4), &character);
    char escaped[16];
    if (size <= 0) {
        snprintf(escaped, sizeof escaped, json ? "\\\\x%02x" : "\\x%02x", (unsigned)(unsigned char)*text);
        put_text(line, escaped);
        return 1;
    }
    if (character == '"' || character == '\\') {
        put_byte(line, '\\');
        put_byte(line, (char)character);
    } else if (character == '\n') {
        put_text(line, "\\n");
    } else if (is_disturbing(character)) {
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)character);
        put_text(line, escaped);
    } else {
        put(line, text, (size_t)size);
    }
    return (size_t)size;
}

/* Appends a text without its quotes. False where it had to be cut. */
static bool put_escaped(log_line *line, bool json, const char *text)
{
    size_t left = strlen(text);
    size_t limit = line->size + TEXT_BYTES < BODY_BYTES ? line->size + TEXT_BYTES : BODY_BYTES;
    while (left > 0) {
        if (line->size + NUMBER_BYTES > limit)
            return false;
        if (*text >= 0x20 && *text < 0x7f && *text != '"' && *text != '\\') {
            put_byte(line, *text++);
            left--;
        } else {
            size_t taken = put_character(line, json, text, left);
            text += taken;
            left -= taken;
        }
    }
    return true;
}

/* Whether a text can stand in a text line without quotes. */
static bool is_bare(const char *text)
{
    if (*text == 0)
        return false;
    for (const char *byte = text; *byte != 0; byte++)
        if (*byte <= ' ' || *byte > '~' || strchr("\"\\=", *byte) != NULL)
            return false;
    return true;
}

/* ---- Fields -------------------------------------------------------------------------------------------- */

static void put_integer(log_line *line, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        digits[--at] = '-';
    put(line, digits + at, sizeof digits - at);
}

/* Times, to a billionth; snprintf would take longer than all else of a line. */
static void put_fixed(log_line *line, double value)
{
    uint64_t billionths = (uint64_t)(fabs(value) * 1e9 + 0.5);
    if (value < 0.0)
        put_byte(line, '-');
    put_integer(line, (int64_t)(billionths / 1000000000));
    uint64_t fraction = billionths % 1000000000;
    if (fraction == 0)
        return;
    put_byte(line, '.');
    for (uint64_t digit = 100000000; fraction > 0; fraction %= digit, digit /= 10)
        put_byte(line, (char)('0' + fraction / digit));
}

static void put_real(log_line *line, double value)
{
    char number[NUMBER_BYTES];
    if (!isfinite(value))
        put_text(line, "null"); /* JSON has no other word for it */
    else if (value == floor(value) && fabs(value) < 1e15)
        put_integer(line, (int64_t)value);
    else if (fabs(value) >= 1e-3 && fabs(value) < 1e6)
        put_fixed(line, value);
    else {
        snprintf(number, sizeof number, "%.9g", value);
        put_text(line, number);
    }
}

/* Appends a field's value. False where it had to be cut. */
static bool put_value(log_line *line, log_line_style style, const log_field *field)
{
    switch (field->kind) {
    case LOG_FIELD_INTEGER: put_integer(line, field->integer); return true;
    case LOG_FIELD_REAL: put_real(line, field->real); return true;
    case LOG_FIELD_BOOLEAN: put_text(line, field->integer != 0 ? "true" : "false"); return true;
    case LOG_FIELD_TEXT: break;
    }
    bool quoted = style == LOG_LINE_JSON || !is_bare(field->text);
    if (quoted)
        put_byte(line, '"');
    bool whole = put_escaped(line, style == LOG_LINE_JSON, field->text);
    if (quoted)
        put_byte(line, '"');
    return whole;
}

/* Appends a field. False where it, or some of it, found no room. */
static bool put_field(log_line *line, log_line_style style, const log_field *field)
{
    if (line->size + strlen(field->name) + FIELD_OVERHEAD > BODY_BYTES)
        return false;
    if (style == LOG_LINE_JSON) {
        put_text(line, ",\"");
        put_text(line, field->name);
        put_text(line, "\":");
    } else {
        put_byte(line, ' ');
        if (style == LOG_LINE_COLOR)
            put_text(line, dim);
        put_text(line, field->name);
        put_byte(line, '=');
        if (style == LOG_LINE_COLOR)
            put_text(line, plain);
    }
    return put_value(line, style, field);
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static void put_digits(char *out, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
}

/* The date and time of seconds since 1970, in UTC. gmtime_r takes a lock that all threads share. The date by Howard
 * Hinnant's days-to-civil: years begin in March, so that the leap day is the last of its year. */
static void utc_time(time_t seconds, struct tm *out)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468; /* from the first of March of the year 0 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    out->tm_mday = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    out->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
    out->tm_year = (int)(year_of_era + era * 400 + (out->tm_mon <= 1) - 1900);
    out->tm_hour = (int)(rest / 3600);
    out->tm_min = (int)(rest / 60 % 60);
    out->tm_sec = (int)(rest % 60);
}

/* RFC 3339 in UTC for machines, the time of day where the terminal stands for people. */
static void put_time(log_line *line, bool json, const struct timespec *now)
{
    char text[] = "0000-00-00T00:00:00.000Z";
    struct tm parts = {0};
    if (json)
        utc_time(now->tv_sec, &parts);
    else if (localtime_r(&now->tv_sec, &parts) == NULL)
        memset(&parts, 0, sizeof parts);
    put_digits(text, parts.tm_year + 1900, 4);
    put_digits(text + 5, parts.tm_mon + 1, 2);
    put_digits(text + 8, parts.tm_mday, 2);
    put_digits(text + 11, parts.tm_hour, 2);
    put_digits(text + 14, parts.tm_min, 2);
    put_digits(text + 17, parts.tm_sec, 2);
    put_digits(text + 20, (int)(now->tv_nsec / 1000000), 3);
    if (json)
        put(line, text, sizeof text - 1);
    else
        put(line, text + 11, 12);
}

static void begin_text(log_line *line, log_line_style style, const struct timespec *now, log_severity severity)
{
    bool color = style == LOG_LINE_COLOR;
    if (color)
        put_text(line, dim);
    put_time(line, false, now);
    if (color)
        put_text(line, plain);
    put_byte(line, ' ');
    if (color)
        put_text(line, severity_colors[severity]);
    put_text(line, severity_names[severity]);
    if (color)
        put_text(line, plain);
    for (size_t width = strlen(severity_names[severity]); width < 8; width++)
        put_byte(line, ' ');
}

void log_line_write(log_line *line, log_line_style style, const struct timespec *now, log_severity severity,
                    const char *message, const log_field *fields, size_t count)
{
    bool json = style == LOG_LINE_JSON;
    line->size = 0;
    if (json) {
        put_text(line, "{\"time\":\"");
        put_time(line, true, now);
        put_text(line, "\",\"severity\":\"");
        put_text(line, severity_names[severity]);
        put_text(line, "\",\"message\":\"");
    } else {
        begin_text(line, style, now, severity);
    }
    bool whole = put_escaped(line, json, message);
    if (json)
        put_byte(line, '"');
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind != LOG_FIELD_TEXT || fields[i].text != NULL)
            whole = put_field(line, style, &fields[i]) && whole;
    if (!whole)
        put_text(line, json ? ",\"cut\":true" : " ...");
    put_text(line, json ? "}\n" : "\n");
}

#include "procedural/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool lexer_fail(lexer *input, const char *format, ...)
{
    if (input->status == LUMEN_OK) {
        char reason[256];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reason, sizeof reason, format, arguments);
        va_end(arguments);
        input->status =
            lumen_fail(input->error, LUMEN_ERROR_INVALID, "%.80s:%u: %s", input->source, input->next.line, reason);
    }
    input->place = input->size;
    input->next.kind = TOKEN_END;
    return false;
}

/* Digits, at most one point, no exponent: read by hand so that no locale and no library changes a bit. */
static void read_number(lexer *input, token *out)
{
    double value = 0.0;
    double scale = 1.0;
    bool fraction = false;
    int digits = 0;
    while (input->place < input->size) {
        char c = input->text[input->place];
        if (c == '.' && !fraction && input->place + 1 < input->size && is_digit(input->text[input->place + 1])) {
            fraction = true;
        } else if (is_digit(c)) {
            if (++digits <= 15) {
                value = value * 10.0 + (c - '0');
                scale *= fraction ? 10.0 : 1.0;
            }
        } else {
            break;
        }
        input->place++;
    }
    if (digits > 15) {
        lexer_fail(input, "a number has more than 15 digits; round it");
        return;
    }
    if (value / scale > 1e6) {
        lexer_fail(input, "a number is larger than a million; make it smaller");
        return;
    }
    out->kind = TOKEN_NUMBER;
    out->number = (float)(value / scale);
}

static void read_color(lexer *input, token *out)
{
    int digits[6];
    size_t count = 0;
    size_t place = input->place + 1;
    while (place + count < input->size && count < 6 && hex_value(input->text[place + count]) >= 0) {
        digits[count] = hex_value(input->text[place + count]);
        count++;
    }
    size_t end = place + count;
    bool ends = end >= input->size || (!is_letter(input->text[end]) && !is_digit(input->text[end]));
    if (!ends || (count != 3 && count != 6)) {
        lexer_fail(input, "a color is # and 3 or 6 hexadecimal digits; a comment is # and a space");
        return;
    }
    for (size_t i = 0; i < 3; i++)
        out->rgb[i] = (uint8_t)(count == 3 ? digits[i] * 17 : digits[2 * i] * 16 + digits[2 * i + 1]);
    out->kind = TOKEN_COLOR;
    input->place = end;
}

static void skip_blanks_and_comment(lexer *input)
{
    while (input->place < input->size) {
        char c = input->text[input->place];
        if (c == '#') {
            char after = input->place + 1 < input->size ? input->text[input->place + 1] : '\n';
            if (after != ' ' && after != '\t' && after != '\n' && after != '\r')
                return;
            while (input->place < input->size && input->text[input->place] != '\n')
                input->place++;
            return;
        }
        if (c != ' ' && c != '\t' && c != '\r')
            return;
        input->place++;
    }
}

/* The rest of the name's array is zero, so that names can be compared by words (same_name). */
static void read_name(lexer *input, token *out)
{
    size_t start = input->place;
    while (input->place < input->size && (is_letter(input->text[input->place]) || is_digit(input->text[input->place])))
        input->place++;
    size_t length = input->place - start;
    if (length >= sizeof out->name) {
        lexer_fail(input, "a name is longer than %zu characters; shorten it", sizeof out->name - 1);
        return;
    }
    out->kind = TOKEN_NAME;
    memset(out->name, 0, sizeof out->name);
    memcpy(out->name, input->text + start, length);
}

static bool is_sign(char c)
{
    return c == '(' || c == ')' || c == ',' || c == '.' || c == '+' || c == '-' || c == '*' || c == '/' || c == '<' ||
           c == '>';
}

/* Reads into input->next; lexer_fail makes it the end. */
static void read_next(lexer *input)
{
    token *out = &input->next;
    skip_blanks_and_comment(input);
    out->kind = TOKEN_END;
    out->line = input->line;
    if (input->status != LUMEN_OK || input->place >= input->size)
        return;
    char c = input->text[input->place];
    if (c == '\n') {
        out->kind = TOKEN_NEWLINE;
        input->place++;
        input->line++;
    } else if (is_letter(c)) {
        read_name(input, out);
    } else if (is_digit(c)) {
        read_number(input, out);
    } else if (c == '#') {
        read_color(input, out);
    } else if (is_sign(c)) {
        out->kind = TOKEN_SIGN;
        out->name[0] = c;
        out->name[1] = '\0';
        input->place++;
    } else {
        lexer_fail(input, "the byte 0x%02x has no meaning here; remove it", (unsigned)(unsigned char)c);
    }
}

void lexer_open(lexer *input, const sculpt_source *source, lumen_error *error)
{
    *input = (lexer){.source = source->name, .text = source->text, .size = source->size, .line = 1, .error = error};
    read_next(input);
}

token lexer_take(lexer *input)
{
    token taken = input->next;
    read_next(input);
    return taken;
}

bool lexer_accept(lexer *input, const char *text)
{
    /* Most questions are answered by the first letter. */
    if (input->next.name[0] != text[0] || (input->next.kind != TOKEN_NAME && input->next.kind != TOKEN_SIGN) ||
        strcmp(input->next.name, text) != 0)
        return false;
    read_next(input);
    return true;
}

void lexer_skip_line(lexer *input)
{
    if (input->next.kind == TOKEN_NEWLINE || input->next.kind == TOKEN_END)
        return;
    while (input->place < input->size && input->text[input->place] != '\n')
        input->place++;
    read_next(input);
}

/*
 * inside.h: what the files of this room share.
 *
 * A download: weights_pull (pull.c) decides which files are missing and drives their transfers (transfer.c) in one
 * thread; a transfer owns the part of its file on disk and the hash of what is in it (part.c).
 */
#ifndef LUMEN_WEIGHTS_INSIDE_H
#define LUMEN_WEIGHTS_INSIDE_H

#include <curl/curl.h>
#include <nettle/sha2.h>

#include "weights/weights.h"

/* What stands behind the name of a file that is not whole yet, and of the note which version of it that is. */
#define WEIGHTS_PART ".part"
#define WEIGHTS_TAG  ".part.tag"

enum { WEIGHTS_SHA256_DIGITS = 64, WEIGHTS_TAG_BYTES = 256 };

/* Makes a folder and those around it. */
lumen_status weights_make_folders(const char *path, lumen_error *error);

/* ---- Parts ------------------------------------------------------------------------------------------------------ */

typedef struct weights_part {
    char path[WEIGHTS_PATH_BYTES];                            /* of the whole file */
    char part_path[WEIGHTS_PATH_BYTES + sizeof WEIGHTS_PART]; /* of what is there of it */
    char tag_path[WEIGHTS_PATH_BYTES + sizeof WEIGHTS_TAG];
    int file; /* -1: closed */
    uint64_t size;
    struct sha256_ctx hash;      /* of these bytes */
    char tag[WEIGHTS_TAG_BYTES]; /* the server's name of this version; "": unknown */
} weights_part;

/* Called between the blocks of a long reading; false to stop. */
typedef bool (*weights_patience)(void *user);

/* Opens or makes the part of a file and hashes what is there. What is there of a file without a hash and without a tag
 * could be anything, so it is begun anew. */
lumen_status weights_part_open(const char *folder, const weights_file *file, weights_patience patience, void *user,
                               weights_part *out, lumen_error *error);
void weights_part_close(weights_part *part);
lumen_status weights_part_append(weights_part *part, const void *bytes, size_t size, lumen_error *error);
/* Forgets what is there. */
lumen_status weights_part_restart(weights_part *part, lumen_error *error);
/* Notes which version of the file this is a part of. */
lumen_status weights_part_set_tag(weights_part *part, const char *tag, lumen_error *error);
void weights_part_digest(const weights_part *part, char digits[WEIGHTS_SHA256_DIGITS + 1]);
/* The part is the file: makes it last, and renames it. */
lumen_status weights_part_finish(weights_part *part, lumen_error *error);

/* The SHA-256 of a file. */
lumen_status weights_hash_file(const char *path, weights_patience patience, void *user,
                               char digits[WEIGHTS_SHA256_DIGITS + 1], lumen_error *error);

/* ---- Transfers -------------------------------------------------------------------------------------------------- */

/* What all transfers of a pull share. */
typedef struct weights_connection {
    const weights_model *model;
    const char *hub;            /* without a slash at its end */
    struct curl_slist *headers; /* the token; NULL: none */
    unsigned attempts;
    unsigned stall_seconds;
    uint64_t done, total; /* bytes of all files that were missing */
    uint64_t received;    /* over the network */
    const char *moved;    /* the file that moved last */
} weights_connection;

typedef enum weights_transfer_state {
    TRANSFER_FREE,
    TRANSFER_PAUSED, /* until `not_before` */
    TRANSFER_RUNNING,
    TRANSFER_DONE
} weights_transfer_state;

/* What the answer under way says of itself, before its body comes. */
typedef struct weights_answer {
    unsigned hop; /* in a chain of redirections */
    char tag[WEIGHTS_TAG_BYTES];
    uint64_t range_from, range_total; /* of Content-Range; a total of 0: there is none */
    bool looked_at;                   /* whether its body has begun and was found good, or was refused: */
    bool refused;
    size_t ignored; /* bytes of a body that nobody reads, as of an error */
} weights_answer;

typedef struct weights_transfer {
    weights_connection *all;
    const weights_file *file;
    weights_transfer_state state;
    CURL *handle;
    weights_part part;
    uint64_t expected;                      /* bytes of the whole file; 0: unknown. Counted in the total. */
    bool certain;                           /* whether `expected` is more than an estimate */
    char sha256[WEIGHTS_SHA256_DIGITS + 1]; /* ours, or what the hub says of the file that it points to; "": unknown */
    uint64_t asked_from;                    /* the first byte that was asked for */
    bool resumed;                           /* whether the part has bytes of more than one answer */
    bool was_wrong;                         /* whether it has been fetched anew already because of its hash */
    unsigned failures;                      /* one after the other */
    double not_before;
    weights_answer answer;
    lumen_error reason; /* why the answer was refused, or a write failed */
    bool again;         /* whether another attempt may mend that */
    char fault[CURL_ERROR_SIZE];
} weights_transfer;

/* Prepares the transfer of a file and opens its part, whose bytes are counted as done. */
lumen_status weights_transfer_open(weights_connection *all, const char *folder, const weights_file *file,
                                   weights_patience patience, void *user, weights_transfer *out, lumen_error *error);
/* What has arrived stays. A handle must have been taken from its multi handle before. */
void weights_transfer_close(weights_transfer *transfer);

/* Sets the handle up for what is missing: it is running then, for the caller to add to a multi handle; or done, when
 * nothing was missing. */
lumen_status weights_transfer_begin(weights_transfer *transfer, lumen_error *error);

/* After the handle has ended with `code`: the file is done, or the transfer pauses for another attempt; an error when
 * there is none. */
lumen_status weights_transfer_end(weights_transfer *transfer, CURLcode code, lumen_error *error);

#endif

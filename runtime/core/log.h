/* Text: a ring in memory, COM1 if asked for, and everything there is when the machine stops. */
#pragma once

#include "core/types.h"

#define LOG_SIZE KIB(16)

/* Each `%` of the text is replaced by the next number in hexadecimal. */
void log_line(const char *text, u64 a, u64 b);

/* The same to the ring, COM1 and the screen, without a line's end of its own. */
void panic_print(const char *text, u64 a, u64 b);

/* The byte of the ring that was written as number `at`; 0 for one that is gone or not yet there. */
u8 log_byte(u64 at);
u64 log_end(void);

extern bool log_serial;

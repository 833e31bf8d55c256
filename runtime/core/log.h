/* The log: a ring in memory, and COM1 if the command line says so; a panic prints on the screen too. */
#pragma once

#include "core/types.h"

#define LOG_SIZE KIB(16)

/* Each `%` of the text is replaced by the next number in hexadecimal. */
void log_line(const char *text, u64 a, u64 b);

/* The same to the ring, COM1 and the screen, without a newline. */
void panic_print(const char *text, u64 a, u64 b);

/* The byte that was written to the ring as number `at`; 0: overwritten, or not yet written. */
u8 log_byte(u64 at);
u64 log_end(void);

extern bool log_serial;

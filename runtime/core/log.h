/* The log: a ring in memory, and COM1 if the command line says so; a panic prints on the screen too. */
#pragma once

#include "core/types.h"

#define LOG_SIZE KIB(16)

/* Each `%` of the text is replaced by the next number in hexadecimal. */
void log_line(const char *text, u64 a, u64 b);

/* The same to the ring, COM1 and the screen, without a newline. */
void panic_print(const char *text, u64 a, u64 b);

/*
 * The same as log_line, for what a guest can cause as often as it likes. Of more lines than LOG_BURST at once, or than one in LOG_PERIOD
 * ticks of the TSC, the rest is left out, and the next line that is logged says how many.
 */
#define LOG_BURST 128
#define LOG_PERIOD (1ull << 25)
void log_limited(const char *text, u64 a, u64 b);

/* The number of the oldest byte that the ring still has. */
u64 log_begin(void);

extern bool log_serial;

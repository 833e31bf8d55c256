/* The library's log: standard error, or the file that LUVKVM_LOG names. */
#pragma once

/* One line. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* One line, the first time only that this key is used. */
__attribute__((format(printf, 2, 3))) void log_once(unsigned long key, const char *format, ...);

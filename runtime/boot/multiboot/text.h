/* Text on the screen and COM1 before there is 64-bit code. */
#pragma once

void text_put(const char *text);
void text_char(char c);
/* Halts the machine; its message has been printed. */
__attribute__((noreturn)) void text_stop(void);

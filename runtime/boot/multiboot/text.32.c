#include "boot/multiboot/text.h"

#include "boot/multiboot/cpu32.h"

#define COM1_LINE_CONTROL (PORT_COM1 + 3)
#define COM1_LINE_STATUS (PORT_COM1 + 5)
#define COM1_EMPTY (1u << 5)            /* transmitter holding register */
#define COM1_WAIT 0xFFFFu               /* reads of the status, then the character is written anyway */

#define SCREEN 0xB8000
#define COLUMNS 80u
#define ROWS 25u
#define ATTRIBUTE 0x0700u               /* grey on black */
#define BDA_CURSOR 0x450                /* column and row of page 0: the BIOS continues there */

/* 115200 baud, 8 bits, no parity, one stop bit: firmware may not have done so. */
static void serial_setup(void)
{
    host_out8(COM1_LINE_CONTROL, 0x83); /* the divisor's registers */
    host_out8(PORT_COM1, 1);
    host_out8(PORT_COM1 + 1, 0);
    host_out8(COM1_LINE_CONTROL, 3);
}

static void serial_char(char c)
{
    u32 tries = COM1_WAIT;
    while (!(host_in8(COM1_LINE_STATUS) & COM1_EMPTY) && --tries)
        ;
    host_out8(PORT_COM1, (u8)c);
}

static void screen_scroll(volatile u16 *screen)
{
    for (u32 i = 0; i < (ROWS - 1) * COLUMNS; i++)
        screen[i] = screen[i + COLUMNS];
    for (u32 i = (ROWS - 1) * COLUMNS; i < ROWS * COLUMNS; i++)
        screen[i] = ATTRIBUTE | ' ';
}

static void screen_char(char c)
{
    volatile u16 *screen = memory_at(SCREEN);
    volatile u8 *cursor = memory_at(BDA_CURSOR);
    u32 column = (u32)min(cursor[0], COLUMNS - 1), row = (u32)min(cursor[1], ROWS - 1);
    if (c != '\n')
        screen[row * COLUMNS + column++] = ATTRIBUTE | (u8)c;
    if (c == '\n' || column == COLUMNS) {
        column = 0;
        row++;
    }
    if (row == ROWS) {
        screen_scroll(screen);
        row--;
    }
    cursor[0] = (u8)column;
    cursor[1] = (u8)row;
}

void text_char(char c)
{
    if (c == '\n')
        serial_char('\r');
    serial_char(c);
    screen_char(c);
}

void text_put(const char *text)
{
    static bool ready;
    if (!ready)
        serial_setup();
    ready = true;
    for (; *text; text++)
        text_char(*text);
}

void text_stop(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

; The boot stub for a kernel that the loader brought along: its setup code, as the boot protocol wants to be entered.
; Linux: Documentation/arch/x86/boot.rst
global linux_start

STACK           equ 0xE000              ; linux.c has it too

section .low16 progbits alloc exec nowrite align=16
bits 16
; AX: the setup code's segment.
linux_start:
        cli
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov sp, STACK
        add ax, 0x20
        push ax
        push 0
        retf

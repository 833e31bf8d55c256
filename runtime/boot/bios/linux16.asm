; The boot stub for a kernel that was loaded as a module: jumps to its setup code with the registers that the boot protocol
; requires. Linux: Documentation/arch/x86/boot.rst
global linux_start

STACK           equ 0xE000              ; linux.c has it too

section .low16 progbits alloc exec nowrite align=16
bits 16
; AX: the setup code's segment. Its entry point is 0x200 bytes after its begin.
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

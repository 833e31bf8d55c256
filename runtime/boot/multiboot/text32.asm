; Text on screen and COM1 before there is a C world. Waits for the serial port are bounded.
bits 32
global text_put, text_char

SCREEN          equ 0xB8000
COLUMNS         equ 80
ROWS            equ 25
BDA_CURSOR      equ 0x450               ; column, row of page 0: the BIOS goes on where we stop

section .boot progbits alloc exec nowrite align=16
; ESI: text, ends with 0.
text_put:
        pushad
        call serial_setup
.next:  lodsb
        test al, al
        jz .done
        call text_char
        jmp .next
.done:  popad
        ret

; AL: one character.
text_char:
        pushad
        cmp al, 10
        jne .plain
        mov al, 13
        call serial_char
        mov al, 10
.plain: call serial_char
        call screen_char
        popad
        ret

%include "boot/multiboot/serial.inc"

screen_char:
        movzx ebx, byte [BDA_CURSOR]
        movzx edx, byte [BDA_CURSOR + 1]
        cmp al, 10
        je .newline
        imul edi, edx, COLUMNS
        add edi, ebx
        mov ah, 7
        mov [SCREEN + edi * 2], ax
        inc ebx
        cmp ebx, COLUMNS
        jb .store
.newline:
        xor ebx, ebx
        inc edx
        cmp edx, ROWS
        jb .store
        call screen_scroll
        mov edx, ROWS - 1
.store: mov [BDA_CURSOR], bl
        mov [BDA_CURSOR + 1], dl
        ret

screen_scroll:
        mov esi, SCREEN + COLUMNS * 2
        mov edi, SCREEN
        mov ecx, COLUMNS * (ROWS - 1) / 2
        rep movsd
        mov eax, 0x07200720
        mov ecx, COLUMNS / 2
        rep stosd
        ret

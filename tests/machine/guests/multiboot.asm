; A Multiboot kernel, versions 1 and 2, that prints on port 0xE9 what the loader passed, and ends Bochs:
; the register's magic, the command line (1 only) and the first eight bytes of each module (1 only).
bits 32
section .text

align 8
header1:
    dd 0x1BADB002, 3, -(0x1BADB002 + 3)
align 8
header2:
    dd 0xE85250D6, 0, header2.end - header2, -(0xE85250D6 + header2.end - header2)
    dw 0, 0
    dd 8
.end:

global _start
_start:
    mov esp, stack
    mov ebp, eax
    call print_hex
    cmp ebp, 0x2BADB002
    jne finish
    mov esi, [ebx + 16]             ; command line
    call print_text
    mov edi, [ebx + 20]             ; number of modules
    mov ebx, [ebx + 24]             ; their descriptors, 16 bytes each
.module:
    dec edi
    js finish
    mov esi, [ebx + 8]              ; module's command line
    call print_text
    mov eax, [ebx]                  ; start
    mov eax, [eax]
    call print_hex
    mov eax, [ebx + 4]              ; end
    sub eax, [ebx]
    call print_hex
    add ebx, 16
    jmp .module

finish:
    mov esi, farewell
    mov dx, 0x8900
.next:
    lodsb
    out dx, al
    test al, al
    jnz .next
    cli
    hlt

; EAX as eight digits and a newline.
print_hex:
    mov ecx, 8
.next:
    rol eax, 4
    push eax
    and eax, 15
    mov al, [digits + eax]
    out 0xE9, al
    pop eax
    loop .next
    mov al, 10
    out 0xE9, al
    ret

; The text at ESI and a newline.
print_text:
    lodsb
    test al, al
    jz .end
    out 0xE9, al
    jmp print_text
.end:
    mov al, 10
    out 0xE9, al
    ret

section .rodata
digits:   db "0123456789abcdef"
farewell: db "Shutdown", 0

section .bss
    resb 4096
stack:

; The boot sector of a guest: stores its initial registers, loads the sectors after it to 0x8000, and jumps there.
; SECTORS is the number of those sectors.
bits 16
org 0x7C00

ENTRY equ 0x600                     ; struct entry in kit.h
LOAD_SEGMENT equ 0x800
CHUNK equ 32                        ; sectors for each call of the BIOS

    call .here
.here:
    cli
    mov [cs:ENTRY + 0], dx          ; by CS, since DS is not set yet
    pop word [cs:ENTRY + 2]
    sub word [cs:ENTRY + 2], 3      ; the length of the CALL
    mov [cs:ENTRY + 4], cs
    mov [cs:ENTRY + 6], ss
    mov [cs:ENTRY + 8], sp
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7C00
    jmp 0:.flat
.flat:
    sti
    cld
    mov [drive], dl
    mov si, greeting
    call print

.chunk:
    mov ah, 0x42
    mov dl, [drive]
    mov si, packet
    int 0x13
    jc .failed
    add word [packet.segment], CHUNK * 512 / 16
    add word [packet.sector], CHUNK
    sub word [left], CHUNK
    jg .chunk
    jmp 0:0x8000

.failed:
    mov si, failure
    call print
    cli
    hlt

; The text at SI by INT 10h.
print:
    lodsb
    test al, al
    jz .end
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    jmp print
.end:
    ret

packet:
    dw 16, CHUNK, 0
.segment: dw LOAD_SEGMENT
.sector: dd 1, 0
left: dw SECTORS
drive: db 0
greeting: db "guest: the boot sector runs", 13, 10, 0
failure: db "guest: a disk read failed", 13, 10, 0
    times 510 - ($ - $$) db 0
    dw 0xAA55

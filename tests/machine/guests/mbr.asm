; A boot sector that prints a line on the screen by INT 10h and on COM1, waits for the screen to be drawn, and ends Bochs.
bits 16
org 0x7C00
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7C00
    mov ax, 0x00E3                  ; INT 14h: COM1 at 9600 baud, 8 bits
    xor dx, dx
    int 0x14
    mov si, greeting
.next:
    lodsb
    test al, al
    jz wait_for_screen
    mov ah, 0x0E
    mov bx, 7
    int 0x10
    mov ah, 1
    xor dx, dx
    int 0x14
    jmp .next

wait_for_screen:
    mov bp, 300                     ; 20 M instructions: the text screen is drawn five times a second
.outer:
    mov cx, 0xFFFF
.inner:
    loop .inner
    dec bp
    jnz .outer
    mov si, farewell
    mov dx, 0x8900
.next:
    lodsb
    out dx, al
    test al, al
    jnz .next
    cli
    hlt

greeting: db 13, 10, "a boot sector says hello", 13, 10, 0
farewell: db "Shutdown", 0
    times 510 - ($ - $$) db 0
    dw 0xAA55

; A boot record that says its name, DL and SI on COM1, and then does what the test wants.
; NAME: one letter. END: 0 halts, 1 INVD, 2 a triple fault. SIGNATURE: the last two bytes.
bits 16
org 0x7C00
        cli
        xor ax, ax
        mov ss, ax
        mov ds, ax
        mov sp, 0x7C00
        mov [number], si
        mov [number + 2], dl
        mov dx, 0x3FB                   ; 115200 baud, 8 bits
        mov al, 0x83
        out dx, al
        mov dx, 0x3F8
        mov ax, 1
        out dx, ax
        mov dx, 0x3FB
        mov al, 3
        out dx, al
        mov al, NAME
        call put
        mov al, [number + 2]
        call hex
        mov al, [number + 1]
        call hex
        mov al, [number]
        call hex
        mov al, 10
        call put
%if END == 1
        invd
%elif END == 2
        lidt [number + 4]
        int3
%endif
.halt:  hlt
        jmp .halt

hex:    push ax
        shr al, 4
        call .digit
        pop ax
        and al, 15
.digit: add al, '0'
        cmp al, '9'
        jbe put
        add al, 7
put:    mov dx, 0x3FD
        push ax
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dx, 0x3F8
        out dx, al
        ret

align 4
number: dd 0
        dw 0                            ; an IDT without room
        dd 0
        times 510 - ($ - $$) db 0
        dw SIGNATURE

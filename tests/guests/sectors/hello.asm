; A boot record that prints its NAME, its registers, and if there is a hypervisor, by INT 10h and on COM1; waits for the screen
; to be drawn, and ends Bochs. SIGNATURE is its last word.
bits 16
org 0x7C00
%ifndef SIGNATURE
%define SIGNATURE 0xAA55
%endif
    jmp 0:start
start:
    cli
    mov ax, cs
    mov ss, ax
    mov sp, 0x7C00
    sti
    cld
    mov ds, ax
    mov es, ax
    mov [drive], dl
    mov [entry], si
    mov dx, 0x3FB                   ; COM1 at 115200 baud, 8 bits
    mov al, 0x83
    out dx, al
    mov dx, 0x3F8
    mov ax, 1
    out dx, ax
    mov dx, 0x3FB
    mov al, 3
    out dx, al

    mov si, greeting
    call print
    mov al, [drive]
    call print_hex
    mov si, partition
    call print
    mov bx, [entry]
    mov al, [bx + 8]                ; first sector, in a partition's entry
    call print_hex
    mov si, runs_on
    call print
    mov eax, 1
    cpuid
    mov si, bare
    test ecx, ecx
    jns .print
    mov si, hypervised
.print:
    call print

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

; AL as two digits.
print_hex:
    push ax
    shr al, 4
    call .digit
    pop ax
    and al, 15
.digit:
    cmp al, 10
    sbb al, 0x69
    das
; AL on the screen and the serial line.
put:
    push ax
    mov dx, 0x3FD
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop ax
    mov dx, 0x3F8
    out dx, al
    mov ah, 0x0E
    mov bx, 7
    push si
    int 0x10
    pop si
    ret

; The text at SI.
print:
    lodsb
    test al, al
    jz .end
    call put
    jmp print
.end:
    ret

drive: db 0
entry: dw 0
greeting: db 13, 10, "boot record: drive ", 0
partition: db ", entry ", 0
runs_on: db ", on ", 0
bare: db "the bare machine", 13, 10, 0
hypervised: db "a hypervisor", 13, 10, 0
farewell: db "Shutdown", 0
    times 446 - ($ - $$) db 0
; One partition, at sector 63, and three empty entries.
    db 0x80, 1, 1, 0, 0x0E, 0, 2, 0
    dd 63, 63
    times 510 - ($ - $$) db 0
    dw SIGNATURE

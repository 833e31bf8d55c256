; A boot sector and the code after it on the disk. In real mode, interrupts disabled, it measures exits with the VM entry after.
; Each case runs TURNS times with its instruction and TURNS times without; the difference by turn is its cost in ticks. A line
; for each case goes to COM1, then Bochs is ended. HIDDEN is an address of the hypervisor's hidden memory.
bits 16
org 0x7C00
%include "constants.inc"
TURNS equ 64

    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7C00
    cld
    mov ax, 0x0200 + (end - start) / 512
    mov cx, 2
    mov dh, 0
    mov bx, start
    int 0x13                        ; DL is the drive
    jc $
    mov ax, 0x00E3                  ; INT 14h: COM1 at 9600 baud, 8 bits
    xor dx, dx
    int 0x14
    jmp start
    times 510 - ($ - $$) db 0
    dw 0xAA55

start:
    cli
    mov word [VECTOR_UD * 4], skip  ; the instructions that may fault have three bytes
    mov word [VECTOR_UD * 4 + 2], 0
    mov word [VECTOR_GP * 4], skip
    mov word [VECTOR_GP * 4 + 2], 0
    call open_segment

; case NAME, "EVENT|WHAT|END": then the preparation of a turn, `instruction`, the instruction, `done`. Preparation is in
; both loops. BP and the stack are the case's frame.
%macro case 2
    jmp %%after
%%text: db %2, "|", 0
%%after:
    mov word [name], %%text
    mov word [with], %1
    mov word [without], %1 %+ _empty
    call measure
%endmacro

    case cpuid_case, "cpuid|CPUID leaf 1|advance"
    case value_case, "IA32_FEATURE_CONTROL read|RDMSR answered by a constant|advance"
    case try_case, "msr_read|RDMSR without a fact, tried in root mode|advance"
    case misc_case, "IA32_MISC_ENABLE write|WRMSR|advance"
    case mtrr_case, "IA32_MTRR_DEF_TYPE write|WRMSR, and the page tables that fill again|advance"
    case base_case, "IA32_APIC_BASE write|WRMSR of what it holds|advance"
    case in92_case, "system_control_a read|IN|advance"
    case out92_case, "system_control_a write|OUT of what it holds|advance"
    case in60_case, "keyboard_data read|IN|advance"
    case xsetbv_case, "xsetbv|XSETBV of 1|advance"
    case invd_case, "invd|INVD|advance"
    case vmcall_case, "hypercall|VMCALL from real mode, with the guest's handler of 3 instructions|inject ud"
    case cr0_case, "cr_access|MOV to CR0 that turns NE over|resume"
    case cr4_case, "cr_access|MOV to CR4 that sets VMXE, with the guest's handler of 3 instructions|inject gp"
    case hidden_case, "nested_page_fault|a store to hidden memory, with the step that it takes|resume"

    mov si, farewell
    mov dx, 0x8900
.next:
    lodsb
    out dx, al
    test al, al
    jnz .next
    hlt

skip:                               ; at a fault: the instruction's three bytes are done
    mov bp, sp
    add word [bp + ERROR_CODE], 3
    iret
ERROR_CODE equ 0                    ; real mode pushes none

open_segment:                       ; GS reaches all 4 GiB
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov bx, 8
    mov gs, bx
    and al, 0xFE
    mov cr0, eax
    mov eax, cr4
    or eax, 1 << 18                 ; OSXSAVE
    mov cr4, eax
    ret

measure:                            ; each loop twice: the first time fills page tables
    mov di, [without]
    call run
    call run
    mov [base], eax
    mov di, [with]
    call run
    call run
    sub eax, [base]
    xor edx, edx
    mov ecx, TURNS
    div ecx
    push eax
    mov si, word_cost
    call print
    mov si, [name]
    call print
    pop eax
    call print_number
    mov si, line_end
    jmp print

run:                                ; EAX = ticks of TURNS turns of the code at DI
    mov word [left], TURNS
    rdtsc
    mov [began], eax
.turn:
    call di
    dec word [left]
    jnz .turn
    rdtsc
    sub eax, [began]
    ret

; body NAME: the turn with its instruction and the turn without, from the macros prepare_NAME and do_NAME.
%macro body 1
%1_case:
    prepare_%1
    do_%1
    ret
%1_case_empty:
    prepare_%1
    ret
%endmacro
%macro read_msr 1                   ; EDX:EAX = what it holds; native for the registers used so
    mov ecx, %1
    rdmsr
%endmacro

%macro prepare_cpuid 0
    mov eax, 1
    xor ecx, ecx
%endmacro
%macro do_cpuid 0
    cpuid
%endmacro
%macro prepare_value 0
    mov ecx, 0x3A
%endmacro
%macro do_value 0
    rdmsr
%endmacro
%macro prepare_try 0
    mov ecx, 0x1FC
%endmacro
%macro do_try 0
    rdmsr
%endmacro
%macro prepare_misc 0
    mov ecx, 0x1A0
    mov eax, [misc]
    xor edx, edx
%endmacro
%macro do_misc 0
    wrmsr
%endmacro
%macro prepare_mtrr 0
    read_msr 0x2FF
%endmacro
%macro do_mtrr 0
    wrmsr
%endmacro
%macro prepare_base 0
    read_msr 0x1B
%endmacro
%macro do_base 0
    wrmsr
%endmacro
%macro prepare_in92 0
%endmacro
%macro do_in92 0
    in al, 0x92
%endmacro
%macro prepare_out92 0
    mov al, 2
%endmacro
%macro do_out92 0
    out 0x92, al
%endmacro
%macro prepare_in60 0
%endmacro
%macro do_in60 0
    in al, 0x60
%endmacro
%macro prepare_xsetbv 0
    xor ecx, ecx
    xor edx, edx
    mov eax, 1
%endmacro
%macro do_xsetbv 0
    xsetbv
%endmacro
%macro prepare_invd 0
%endmacro
%macro do_invd 0
    invd
%endmacro
%macro prepare_vmcall 0
%endmacro
%macro do_vmcall 0
    vmcall
%endmacro
%macro prepare_cr0 0
    mov eax, cr0
    xor al, 0x20
%endmacro
%macro do_cr0 0
    mov cr0, eax
%endmacro
%macro prepare_cr4 0
    mov eax, cr4
    or eax, 1 << 13
%endmacro
%macro do_cr4 0
    mov cr4, eax
%endmacro
%macro prepare_hidden 0
    mov ebx, HIDDEN
%endmacro
%macro do_hidden 0
    mov [gs:ebx], eax
%endmacro

    body cpuid
    body value
    body try
    body misc
    body mtrr
    body base
    body in92
    body out92
    body in60
    body xsetbv
    body invd
    body vmcall
    body cr0
    body cr4
    body hidden

print:                              ; the text at SI on COM1
    lodsb
    test al, al
    jz .end
    call put
    jmp print
.end:
    ret

put:                                ; AL when the port is free
    push ax
    mov dx, 0x3FD
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov dx, 0x3F8
    pop ax
    out dx, al
    ret

print_number:                       ; EAX in decimal
    xor cx, cx
    mov ebx, 10
.digit:
    xor edx, edx
    div ebx
    push dx
    inc cx
    test eax, eax
    jnz .digit
.next:
    pop ax
    add al, '0'
    call put
    loop .next
    ret

name: dw 0
with: dw 0
without: dw 0
left: dw 0
began: dd 0
base: dd 0
misc: dd 1                          ; IA32_MISC_ENABLE: fast strings
word_cost: db "@luv cost ", 0
line_end: db 13, 10, 0
farewell: db "Shutdown", 0
gdt_pointer: dw 15
    dd gdt
gdt: dq 0, 0x00CF92000000FFFF
    times ($$ - $) & 511 db 0
end:

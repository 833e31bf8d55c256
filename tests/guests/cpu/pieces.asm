; Code whose length and address matter, for the C files of this folder.
%include "low.inc"
section .low
bits 16

; piece16 NAME, INSTRUCTION: a function for probe_real that executes the instruction and returns.
%macro piece16 2+
global real_%1
real_%1:
    %2
    ret
%endmacro

global real_two_halts
real_two_halts:
    sti
    hlt
    hlt
    cli
    ret

piece16 cpuid,    cpuid
piece16 rdmsr,    rdmsr
piece16 wrmsr,    wrmsr
piece16 vmcall,   db 0x0F, 0x01, 0xC1
piece16 vmxoff,   db 0x0F, 0x01, 0xC4
piece16 vmxon,    db 0xF3, 0x0F, 0xC7, 0x36, 0x00, 0x70
piece16 vmptrld,  db 0x0F, 0xC7, 0x36, 0x00, 0x70
piece16 vmread,   db 0x0F, 0x78, 0xC0
piece16 getsec,   db 0x0F, 0x37
piece16 invd,     invd
piece16 wbinvd,   wbinvd
piece16 ud2,      ud2
piece16 xsetbv,   db 0x0F, 0x01, 0xD1

; CR0.NE with nothing else, with PE, and LMSW.
global real_toggle_ne, real_toggle_ne_pe
real_toggle_ne:
    mov eax, cr0
    mov ebx, eax
    xor eax, 0x20
    mov cr0, eax
    mov ecx, cr0
    mov cr0, ebx
    mov edx, cr0
    ret
real_toggle_ne_pe:
    mov eax, cr0
    mov ebx, eax
    xor eax, 0x21
    mov cr0, eax
    mov ecx, cr0
    mov cr0, ebx
    mov edx, cr0
    ret

; TF over CPUID in real mode: the vector table's entry 1 is a stub that ends the probe at the first trap.
global real_step_cpuid
real_step_cpuid:
    pushf
    pop ax
    or ah, 1
    push ax
    popf
    cpuid
    nop
    ret

; CPUID as the last two bytes of the 64 KiB segment 0x5000, which is jumped to.
global real_wrap
real_wrap:
    mov ax, 0x5000
    mov es, ax
    mov word [es:0xFFFE], 0xA20F
    mov byte [es:0], 0xCB           ; RETF, reached when IP wraps to 0
    push cs
    push word .back
    xor eax, eax
    xor ecx, ecx
    jmp 0x5000:0xFFFE
.back:
    ret

; The byte at FFFF:6510 and the one at 0:6500, both written.
global real_alias
real_alias:
    mov ax, 0xFFFF
    mov es, ax
    mov byte [0x6500], 0x11
    mov byte [es:0x6510], 0x22
    movzx ebx, byte [0x6500]
    movzx ecx, byte [es:0x6510]
    ret

bits 32
%macro piece32 2+
global flat32_%1
flat32_%1:
    %2
    ret
%endmacro
piece32 cpuid,    cpuid
piece32 rdmsr,    rdmsr
piece32 wrmsr,    wrmsr
piece32 vmcall,   db 0x0F, 0x01, 0xC1
piece32 getsec,   db 0x0F, 0x37
piece32 vmxoff,   db 0x0F, 0x01, 0xC4
piece32 invd,     invd
piece32 ud2,      ud2

; NE with PG: paging on and off in the same MOV, with 32-bit page tables, since the tables of long mode would need PAE.
global flat32_toggle_ne_pg
flat32_toggle_ne_pg:
    mov ebx, cr4
    mov edx, cr0
    push ebx
    push edx
    mov eax, ebx
    and eax, ~CR4_PAE
    or eax, 0x10                    ; PSE
    mov cr4, eax
    mov eax, [PROBE_ESI]
    mov cr3, eax
    mov eax, edx
    xor eax, 0x80000020
    mov cr0, eax
    mov ecx, cr0
    mov cr0, edx
    mov edi, cr0
    pop edx
    pop ebx
    mov cr4, ebx
    ret

; NE with PG where long mode is enabled and PAE is not: #GP, and NE stays.
global flat32_toggle_ne_long
flat32_toggle_ne_long:
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr4
    and eax, ~CR4_PAE
    mov cr4, eax
    mov eax, cr0
    xor eax, 0x80000020
    mov cr0, eax
    ret

bits 64
section .text
; Registers before and after CPUID, in memory.

global cpuid_keeps
cpuid_keeps:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rsi, 0x1111111122222222
    lea rdi, [rsi + rsi]
    lea rbp, [rdi + rsi]
    lea r8, [rbp + rsi]
    lea r9, [r8 + rsi]
    lea r10, [r9 + rsi]
    lea r11, [r10 + rsi]
    lea r12, [r11 + rsi]
    lea r13, [r12 + rsi]
    lea r14, [r13 + rsi]
    lea r15, [r14 + rsi]
    mov rax, 0x7FFFFFFFFFFFFFFF
    add rax, 1                      ; overflow and sign, no carry
    pushfq
    pop qword [cpuid_around + 88]
    call store
    mov rax, 0xFFFFFFFF00000000
    mov rcx, rax
    mov rdx, rax
    mov rbx, 0x7FFFFFFFFFFFFFFF
    add rbx, 1
    cpuid
    pushfq
    pop qword [cpuid_around + 128 + 88]
    call store_after
    shr rax, 32
    shr rbx, 32
    shr rcx, 32
    shr rdx, 32
    mov [cpuid_around + 128 + 96], rax
    mov [cpuid_around + 128 + 104], rbx
    mov [cpuid_around + 128 + 112], rcx
    mov [cpuid_around + 128 + 120], rdx
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
%macro store_at 1
    mov [%1], rsi
    mov [%1 + 8], rdi
    mov [%1 + 16], rbp
    mov [%1 + 24], r8
    mov [%1 + 32], r9
    mov [%1 + 40], r10
    mov [%1 + 48], r11
    mov [%1 + 56], r12
    mov [%1 + 64], r13
    mov [%1 + 72], r14
    mov [%1 + 80], r15
    ret
%endmacro
store: store_at cpuid_around
store_after: store_at cpuid_around + 128
section .bss
global cpuid_around
cpuid_around: resq 32

; Code for stepping.c, which checks at which instructions traps are delivered.
%include "low.inc"
%include "luvalley_abi.inc"
bits 64
section .text
%macro step_on 0
    pushfq
    or qword [rsp], 0x100
    popfq
%endmacro
%macro step_off 0
    pushfq
    and qword [rsp], ~0x100
    popfq
%endmacro

global step_code
step_code:
    push rbx
    step_on
    nop
    xor ecx, ecx
    cpuid
    nop
    mov ecx, 0x1B
    rdmsr
    wrmsr                           ; IA32_APIC_BASE
    nop
    mov rax, cr0
    xor eax, 0x20
    mov cr0, rax
    xor eax, 0x20
    mov cr0, rax
    in al, 0x92
    nop
    step_off
    pop rbx
    ret

; MOV SS blocks the debug exception until after the next instruction, CPUID. SDM: 7.8.3
global shadow_ss_step
shadow_ss_step:
    push rbx
    mov ebx, DATA
    step_on
    mov ss, ebx
    cpuid
    nop
    step_off
    pop rbx
    ret

; DEBUGCTL.BTF: TF traps at branches only.
global step_btf
step_btf:
    push rbx
    mov ecx, 0x1D9
    mov eax, 2
    xor edx, edx
    wrmsr
    step_on
    nop
    cpuid
    nop
    jmp .there
.there:
    nop
    cpuid
    step_off
    pop rbx
    ret

global shadow_sti, shadow_sti_cpuid, shadow_ss
shadow_sti:
    push rbx
    sti
    nop
    nop
    cli
    pop rbx
    ret
shadow_sti_cpuid:
    push rbx
    sti
    cpuid
    nop
    nop
    cli
    pop rbx
    ret
shadow_ss:
    push rbx
    mov ebx, DATA
    sti
    mov ss, ebx
    cpuid
    nop
    nop
    cli
    pop rbx
    ret

global breakpoint_code, breakpoint_place
breakpoint_code:
    cpuid
breakpoint_place:
    nop
    ud2

global watch_code, watched
watch_code:
    mov qword [watched], 1
    cpuid
    ud2

; A hypercall in ring 3 with every register known: RDI points to where the differences go.
global user_call_kept, user32_vmcall
user_call_kept:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov rax, LUV_HYPERCALL_MAGIC << 32
    xor edi, edi
    mov rcx, 0x1001
    mov rbx, 0x1002
    mov rsi, 0x1003
    mov rbp, 0x1004
    mov r8, 0x1008
    mov r9, 0x1009
    mov r10, 0x100A
    mov r11, 0x100B
    mov r12, 0x100C
    mov r13, 0x100D
    mov r14, 0x100E
    mov r15, 0x100F
    vmcall
    sub rcx, 0x1001
    sub rbx, 0x1002
    sub rsi, 0x1003
    sub rbp, 0x1004
    sub r8, 0x1008
    sub r9, 0x1009
    sub r10, 0x100A
    sub r11, 0x100B
    sub r12, 0x100C
    sub r13, 0x100D
    sub r14, 0x100E
    sub r15, 0x100F
    or rcx, rbx
    or rcx, rsi
    or rcx, rbp
    or rcx, r8
    or rcx, r9
    or rcx, r10
    or rcx, r11
    or rcx, r12
    or rcx, r13
    or rcx, r14
    or rcx, r15
    or rcx, rdi
    inc rax                     ; -EPERM: R8:R9 are no token
    or rcx, rax
    pop rdi
    mov [rdi], rcx
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

bits 32
user32_vmcall:
    mov eax, 0
    db 0x0F, 0x01, 0xC1
    int 0x80

section .bss
watched: resq 1

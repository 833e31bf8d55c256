; `fresh` makes the hypervisor empty its EPT tables; nothing above 1 MiB is accessed between it and the event.
%include "low.inc"
bits 64
section .text
%macro fresh 0
    push rbx
    mov ecx, 0x2FF
    rdmsr
    mov ebx, eax
    and eax, ~0x800
    wrmsr
    mov eax, ebx
    wrmsr
%endmacro
%macro begin 1
global fresh_%1
fresh_%1:
    mov [kept_rsp], rsp
    mov esp, 0x70000                ; the stack too, below 1 MiB
    fresh
%endmacro
%macro end 0
    nop
    nop
    nop
    pop rbx
    mov rsp, [kept_rsp]
    ret
%endmacro

begin ud2
    ud2
end
begin int3
    int3
end
begin int1
    db 0xF1
end
begin soft
    int 0x81
end
begin gp
    mov eax, 0xFFF8
    mov ds, eax
end
begin sti
    sti
    nop
    nop
    cli
end
begin msr
    mov ecx, 0x12345678
    rdmsr
end
begin vmcall
    xor eax, eax
    db 0x0F, 0x01, 0xC1
end
begin nmi
    mov eax, 0xFEE00300
    mov dword [rax], 0x4400
end

; Single steps (TF) over instructions that are the first to access their pages.
global fresh_steps
fresh_steps:
    mov [kept_rsp], rsp
    mov esp, 0x70000
    fresh
    mov ebx, 0x8000000
    pushfq
    or qword [rsp], 0x100
    popfq
    mov eax, [rbx]
    mov [rbx + 0x200000], eax
    nop
    pushfq
    and qword [rsp], ~0x100
    popfq
    pop rbx
    mov rsp, [kept_rsp]
    ret

section .bss
kept_rsp: resq 1

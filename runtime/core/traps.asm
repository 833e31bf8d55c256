; Exceptions in root mode. Each stub leaves vector and error code above the saved registers; traps.c decides.
%include "generated/vmx/constants.inc"

global trap_stubs, host_rdmsr_try, host_wrmsr_try, host_xsetbv_try
extern trap_handle

STUB_SIZE       equ 16
FRAME_VECTOR    equ 9 * 8               ; struct trap_frame
FRAME_RIP       equ 11 * 8
FRAME_RFLAGS    equ 13 * 8
FRAME_RSP       equ 14 * 8
%assign ERROR_CODES 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21  ; SDM: 6.15

bits 64
section .text
align 16
trap_stubs:
%assign vector 0
%rep 32
        align STUB_SIZE
%if (ERROR_CODES >> vector) & 1 == 0
        push 0
%endif
        push vector
        jmp near trap_common
%assign vector vector + 1
%endrep

; The order of struct trap_frame.
trap_common:
        push r11
        push r10
        push r9
        push r8
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        cld
        mov rdi, rsp
        mov rax, rsp
        and rsp, ~15
        push rax
        push rax
        call trap_handle
        pop rsp
        cmp qword [rsp + FRAME_VECTOR], VECTOR_MC
        je machine_check_return
        pop rax
        pop rcx
        pop rdx
        pop rsi
        pop rdi
        pop r8
        pop r9
        pop r10
        pop r11
        add rsp, 16
        iretq

; Return without IRET, which would unblock NMIs while the NMI handler that the machine check interrupted still uses the NMI's
; stack. SDM: 6.7.1
machine_check_return:
        mov rax, [rsp + FRAME_RSP]
        sub rax, 16
        mov rcx, [rsp + FRAME_RFLAGS]
        mov [rax], rcx
        mov rcx, [rsp + FRAME_RIP]
        mov [rax + 8], rcx
        mov [rsp + FRAME_RSP], rax
        pop rax
        pop rcx
        pop rdx
        pop rsi
        pop rdi
        pop r8
        pop r9
        pop r10
        pop r11
        mov rsp, [rsp + FRAME_RSP - FRAME_VECTOR]
        popfq
        ret

; A fault at the first address continues at the second.
%macro fixup 2
        [section .fixups progbits alloc noexec nowrite align=8]
        dq %1, %2
        __SECT__
%endmacro

; struct msr_value in RAX, DL.
host_rdmsr_try:
        mov ecx, edi
.try:   rdmsr
        shl rdx, 32
        or rax, rdx
        mov edx, 1
        ret
.bad:   xor eax, eax
        xor edx, edx
        ret
fixup .try, .bad

host_wrmsr_try:
        mov ecx, edi
        mov eax, esi
        mov rdx, rsi
        shr rdx, 32
.try:   wrmsr
        mov eax, 1
        ret
fixup .try, try_failed

host_xsetbv_try:
        mov ecx, edi
        mov eax, esi
        mov rdx, rsi
        shr rdx, 32
.try:   xsetbv
        mov eax, 1
        ret
fixup .try, try_failed

try_failed:
        xor eax, eax
        ret

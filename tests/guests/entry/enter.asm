; One VM entry, and the return from its VM exit.
bits 64
section .text
%include "constants.inc"

; Returns 0 after a VM exit (a failed entry's too), 1: VMfailInvalid, 2: VMfailValid.
global vm_enter, vm_exit
vm_enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rcx, VMCS_HOST_RSP
    vmwrite rcx, rsp
    vmlaunch
    mov eax, 1
    jc vm_return
    mov eax, 2
    jmp vm_return
vm_exit:
    xor eax, eax
vm_return:
    cld
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

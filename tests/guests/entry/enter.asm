; One VM entry, and the way back from it.
bits 64
section .text
HOST_RSP equ 0x6C14

; 0: the guest was entered, or the entry ended as an exit; 1: VMfailInvalid; 2: VMfailValid.
global vm_enter, vm_exit
vm_enter:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rcx, HOST_RSP
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

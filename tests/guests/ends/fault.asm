; Real mode with an IVT limit of 0: INT 3 cannot be delivered, nor can #GP and #DF, so it is a triple fault.
section .low
bits 16
global real_triple_fault
real_triple_fault:
    lidt [nothing]
    int 3
    ret
nothing:
    dw 0
    dd 0

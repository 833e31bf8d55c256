; Without a vector table an interrupt cannot be delivered, nor can what comes of that.
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

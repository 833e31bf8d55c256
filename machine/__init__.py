"""How a machine for the image is made (kernel, initramfs, disks, loader) and run (Bochs, terminal, record)."""

"""Prepare a machine that boots the image (kernel, initramfs, disks, loader) and run it (Bochs, terminal, record)."""

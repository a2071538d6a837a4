"""Effects without decisions: libvirt, git, files, locks, the clock."""

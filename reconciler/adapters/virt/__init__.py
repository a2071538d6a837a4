"""The one door to libvirt: connections, the embedded host, facts about hosts, and libvirt's errors in our words."""

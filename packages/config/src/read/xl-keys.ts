// SPDX-License-Identifier: Apache-2.0
// Settings that xl knows and that say nothing to TypeOne, with the reason that a person is given. Data only; the list
// follows the xl.cfg manual's sections.

const NOT_YET: Readonly<Record<string, string>> = {
  p9: "shared folders are not supported yet",
  virtio: "VirtIO devices are not supported yet",
  vtpm: "TPMs are not supported",
  vdispl: "displays are not supported",
  vsnd: "sound is not supported",
  vkb: "keyboards are not supported",
  pci: "devices of the host cannot be given to guests yet",
  usbctrl: "USB is not supported",
  usbdev: "USB is not supported",
  dtdev: "devices of the host cannot be given to guests yet",
  iomem: "devices of the host cannot be given to guests yet",
  ioports: "there are no I/O ports on this architecture",
  irqs: "interrupts of the host cannot be given to guests yet",
  channel: "consoles beyond the first are not supported yet",
  serial: "every guest has one serial port, and `typeone console` opens it",
  vuart: "every guest has one serial port, and `typeone console` opens it",
  bootloader: "there is no bootloader: name the kernel and ramdisk as files",
  bootloader_args: "there is no bootloader: name the kernel and ramdisk as files",
  firmware: "guests start at their kernel: name it as a file",
  firmware_override: "guests start at their kernel: name it as a file",
  boot: "guests start at their kernel, not from a disk",
  cap: "an upper limit of time is not supported; policy rate-monotonic has budgets",
  cpus_soft: "there is no soft affinity; cpus is the hard one",
  pool: "there are no pools of harts; use cpus",
  nomigrate: "there is no migration",
  passthrough: "devices of the host cannot be given to guests yet",
  on_watchdog: "guests have no watchdog",
  on_soft_reset: "there is no soft reset",
};

const GROUPS: Readonly<Record<string, string>> = {
  "has no meaning for a guest of TypeOne, which always has its memory at hand":
    "claim_mode shadow_memory memory_pages iommu_shared_pages vnuma max_grant_frames max_maptrack_frames max_grant_version",
  "is about Xen's own security modules": "seclabel init_seclabel device_model_stubdomain_seclabel stubdomain_seclabel",
  "is about Xen's device model, which TypeOne does not have":
    "device_model_version device_model_override device_model_stubdomain_override device_model_args device_model_args_pv " +
    "device_model_args_hvm device_model_user stubdomain_memory stubdomain_kernel stubdomain_ramdisk stubdomain_cmdline " +
    "xen_platform_pci viridian driver_domain gfx_passthru rdm rdm_mem_boundary pci_msitranslate pci_permissive pci_seize pci_power_mgmt",
  "is about displays, which guests do not have":
    "vfb sdl vnc vnclisten vncdisplay vncunused vncpasswd opengl nographic vga videoram stdvga keymap spice spicehost " +
    "spiceport spicetls_port spicedisable_ticketing spicepasswd spiceagent_mouse spicevdagent spice_clipboard_sharing " +
    "spiceusbredirection spice_image_compression spice_streaming_video soundhw usb usbversion usbdevice vkb_device",
  "is about PCs":
    "acpi acpi_s3 acpi_s4 acpi_laptop_slate apic pae nx hpet hap oos nestedhvm altp2m altp2mhvm cpuid smbios_firmware " +
    "acpi_firmware ms_vm_genid timer_mode vpt_align tsc_mode localtime rtc_timeoffset e820_host mmio_hole msr_relaxed " +
    "mca_caps vmtrace_buf_kb suppress_vmdesc vmware_hwver vmware_port hdtype bios bios_path_override pvh pvshim " +
    "pvshim_path pvshim_cmdline pvshim_extra assisted_apic",
  "is about other architectures' interrupt controllers and instructions":
    "gic_version sve arm_sci sci tee nr_spis trap_unmapped_accesses ",
  "is not kept: guests are known by their names": "uuid ",
  "is about Xen's events and its store": "event_channels xenstore_feature_mask xend_suspend_evtchn_compat bind_evtchn ",
  "is not needed: every guest runs with full hardware virtualization": "builder type ",
};

/** Why a setting that xl knows does nothing here; undefined for settings that xl does not know either. */
export function withoutMeaning(key: string): string | undefined {
  if (Object.hasOwn(NOT_YET, key)) return NOT_YET[key];
  return Object.entries(GROUPS).find(([, keys]) => keys.split(" ").includes(key))?.[0];
}

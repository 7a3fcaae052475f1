import Archive from "@lucide/svelte/icons/archive";
import ArrowDown from "@lucide/svelte/icons/arrow-down";
import Check from "@lucide/svelte/icons/check";
import CheckCheck from "@lucide/svelte/icons/check-check";
import CircleAlert from "@lucide/svelte/icons/circle-alert";
import Clock from "@lucide/svelte/icons/clock";
import Download from "@lucide/svelte/icons/download";
import FileText from "@lucide/svelte/icons/file-text";
import Film from "@lucide/svelte/icons/film";
import Image from "@lucide/svelte/icons/image";
import LogOut from "@lucide/svelte/icons/log-out";
import Music from "@lucide/svelte/icons/music";
import Paperclip from "@lucide/svelte/icons/paperclip";
import RotateCw from "@lucide/svelte/icons/rotate-cw";
import SendHorizontal from "@lucide/svelte/icons/send-horizontal";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import Shuffle from "@lucide/svelte/icons/shuffle";
import WifiOff from "@lucide/svelte/icons/wifi-off";
import X from "@lucide/svelte/icons/x";

/** Every picture of the product by what it means, so that a new drawing is one line here. */
export const icons = {
  alert: CircleAlert,
  archive: Archive,
  attach: Paperclip,
  audio: Music,
  close: X,
  down: ArrowDown,
  download: Download,
  file: FileText,
  image: Image,
  leave: LogOut,
  next: Shuffle,
  offline: WifiOff,
  pending: Clock,
  retry: RotateCw,
  safe: ShieldCheck,
  seen: CheckCheck,
  send: SendHorizontal,
  sent: Check,
  video: Film,
} as const;

export type IconName = keyof typeof icons;

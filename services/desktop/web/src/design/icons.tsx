/** Own icons on a grid of 20, drawn with one stroke. `currentColor`, never the only carrier of a meaning. */
const PATHS = {
  inbox: 'M3 11.5 5.2 4h9.6l2.2 7.5V16H3zM3 11.5h4.2l1 2h3.6l1-2H17',
  case: 'M4 3.5h8l4 4v9H4zM12 3.5v4h4M7 11h6M7 13.8h4',
  customer: 'M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c.4-3.2 2.7-5 6-5s5.6 1.8 6 5',
  people:
    'M7.5 9a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM2.5 16c.3-3 2.2-4.6 5-4.6s4.7 1.6 5 4.6M12.5 4a2.6 2.6 0 0 1 0 4.9M14.2 11.7c1.9.5 3.1 2 3.3 4.3',
  floor: 'M3 4h6v5H3zM11 4h6v8h-6zM3 11h6v5H3zM11 14h6v2h-6z',
  wall: 'M2.5 4h15v9.5h-15zM7 16.5h6M10 13.5v3M5.5 10.5l2.5-3 2.5 2 4-3.5',
  studio: 'M5 3.5v13M10 3.5v13M15 3.5v13M3.2 7h3.6M8.2 12.5h3.6M13.2 6h3.6',
  admin:
    'M10 12.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM10 2.5v2.3M10 15.2v2.3M2.5 10h2.3M15.2 10h2.3M4.7 4.7l1.6 1.6M13.7 13.7l1.6 1.6M15.3 4.7l-1.6 1.6M6.3 13.7l-1.6 1.6',
  email: 'M2.5 4.5h15v11h-15zM2.5 5l7.5 6 7.5-6',
  social: 'M4 4h12v9H9.5L6 16v-3H4zM7.5 8.5h5',
  phone:
    'M4.5 3h3l1.3 3.8-1.9 1.4c.9 2 2.6 3.7 4.7 4.7l1.5-1.9 3.9 1.3v3c0 .7-.6 1.2-1.3 1.2C9.2 16.5 3.5 10.8 3.2 4.3 3.2 3.6 3.8 3 4.5 3Z',
  letter: 'M4 3h12v14H4zM7 7h6M7 10h6M7 13h3.5',
  visit: 'M10 17s5.5-5 5.5-9a5.5 5.5 0 0 0-11 0c0 4 5.5 9 5.5 9ZM10 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  web: 'M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM2.5 10h15M10 2.5c2.2 2.3 3.2 4.8 3.2 7.5s-1 5.2-3.2 7.5c-2.2-2.3-3.2-4.8-3.2-7.5s1-5.2 3.2-7.5Z',
  chat: 'M3 4h14v9.5H8.5L5 16.5v-3H3zM7 8.7h.01M10 8.7h.01M13 8.7h.01',
  note: 'M4 3.5h12v8.5l-4.5 4.5H4zM16 12h-4.5v4.5M7 7.5h6M7 10.5h3',
  lock: 'M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6v4.2l2.8 1.8',
  bell: 'M4.5 14.5h11l-1.3-2V8.5a4.2 4.2 0 0 0-8.4 0v4zM8.5 17h3',
  check: 'm4 10.5 4 4 8-9',
  cross: 'm5 5 10 10M15 5 5 15',
  plus: 'M10 4v12M4 10h12',
  down: 'm5 7.5 5 5 5-5',
  up: 'm5 12.5 5-5 5 5',
  left: 'm12.5 5-5 5 5 5',
  right: 'm7.5 5 5 5-5 5',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4',
  keyboard: 'M2.5 5.5h15v9h-15zM5.5 8.5h.01M8.5 8.5h.01M11.5 8.5h.01M14.5 8.5h.01M6.5 11.8h7',
  sun: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M15.3 4.7l-1 1M5.7 14.3l-1 1',
  moon: 'M16 12.2A6.8 6.8 0 0 1 7.8 4a6.8 6.8 0 1 0 8.2 8.2Z',
  send: 'M3 4.5 17 10 3 15.5 5 10zM5 10h6',
  undo: 'M7 4 3.5 7.5 7 11M3.5 7.5H12a4.2 4.2 0 0 1 0 8.4H8',
  attach:
    'm15.5 9-5.8 5.8a3.4 3.4 0 0 1-4.8-4.8l6.2-6.2a2.3 2.3 0 0 1 3.2 3.2l-6 6a1.1 1.1 0 0 1-1.6-1.6l5.3-5.2',
  warning: 'M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.3v.01',
  info: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 9.5V13M10 6.8v.01',
  refresh: 'M15.8 8.2A6.2 6.2 0 0 0 4.3 7M4 3.5V7h3.5M4.2 11.8A6.2 6.2 0 0 0 15.7 13M16 16.5V13h-3.5',
  external: 'M11 3.5h5.5V9M16.5 3.5 9 11M14.5 11.5v5h-11v-11h5',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  play: 'M6 4.5v11l9-5.5z',
  pause: 'M7 4.5v11M13 4.5v11',
  stop: 'M5.5 5.5h9v9h-9z',
  history: 'M4 4v3.5h3.5M4.3 7.5a6.7 6.7 0 1 1-.9 3.5M10 6.5v4l2.5 1.5',
  flag: 'M5 17V3.5M5 4.5h9.5l-2 3.2 2 3.3H5',
  split: 'M10 17v-5.5L4.5 6V3.5M10 11.5 15.5 6V3.5',
  transfer: 'M3.5 7h12M12 3.5 15.5 7 12 10.5M16.5 13h-12M8 9.5',
  megaphone: 'M3.5 8v4l9.5 4V4zM13 7.5c1.8.4 3 1.2 3 2.5s-1.2 2.1-3 2.5M5.5 12.8l1 3.7h2',
  eye: 'M2 10c2-3.7 4.7-5.5 8-5.5s6 1.8 8 5.5c-2 3.7-4.7 5.5-8 5.5S4 13.7 2 10ZM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z',
  bolt: 'M11.5 2.5 4.5 11.5h4.7l-.7 6 7-9.5h-4.7z',
  link: 'M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3L10 5.7M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l1.2-1.2',
  calendar: 'M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3.5M13 3v3.5',
  plug: 'M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5v3',
  key: 'M7 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10.5 10H17v3M14 10v2',
  full: 'M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4',
  sound: 'M3.5 8v4h3l4 3.5v-11l-4 3.5zM13.5 7.5a3.6 3.6 0 0 1 0 5M15.5 5.5a6.5 6.5 0 0 1 0 9',
  mute: 'M3.5 8v4h3l4 3.5v-11l-4 3.5zM13.5 8l4 4M17.5 8l-4 4',
} as const
export type IconName = keyof typeof PATHS

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

const CHANNELS: Record<string, IconName> = {
  email: 'email',
  social: 'social',
  phone: 'phone',
  letter: 'letter',
  visit: 'visit',
  web: 'web',
  chat: 'chat',
}
/** The icon of a channel; unknown channels get that of the web. */
export function channelIcon(channel: string): IconName {
  return CHANNELS[channel] ?? 'web'
}

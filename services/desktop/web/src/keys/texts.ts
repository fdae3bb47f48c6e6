import { catalogue } from '@/texts/catalogue'

export const texts = catalogue(
  {
    palette: 'Commands',
    find: 'Find a command, a page or a case by its reference',
    nothing: 'Nothing is named like this.',
    shortcuts: 'Shortcuts',
    singleKeys: 'Shortcuts of a single key',
    singleKeysHelp:
      'Switch these off when you dictate, or when keys are pressed by accident. Shortcuts with Ctrl or Alt stay.',
    help: 'Show all shortcuts',
    open: 'Open the commands',
    general: 'Everywhere',
  },
  {
    palette: 'Befehle',
    find: 'Befehl, Seite oder Vorgang (Zeichen) suchen',
    nothing: 'So heißt nichts.',
    shortcuts: 'Tastenkürzel',
    singleKeys: 'Kürzel aus einer einzelnen Taste',
    singleKeysHelp:
      'Ausschalten, wenn Sie diktieren oder Tasten aus Versehen drücken. Kürzel mit Strg oder Alt bleiben.',
    help: 'Alle Kürzel zeigen',
    open: 'Befehle öffnen',
    general: 'Überall',
  },
)

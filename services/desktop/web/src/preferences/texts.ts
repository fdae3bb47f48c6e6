import { catalogue } from '@/texts/catalogue'

export const texts = catalogue(
  {
    title: 'Preferences',
    lead: 'They hold for this browser.',
    language: 'Language',
    theme: 'Colours',
    system: 'As the system',
    light: 'Light',
    dark: 'Dark',
    offers: 'When work is offered',
    sound: 'Play a sound',
    notify: 'Show a notification when this page is not seen',
    notifyRefused:
      'The browser does not allow notifications of this page. Its settings for this address can change that.',
    undo: 'After Send',
    undoHelp: 'How long an answer waits, so that you can take it back. Closing the page sends it at once.',
    undoNone: 'Send at once',
    undoSeconds: (seconds: number) => `Wait ${seconds} seconds`,
    keys: 'Keyboard',
  },
  {
    title: 'Einstellungen',
    lead: 'Sie gelten für diesen Browser.',
    language: 'Sprache',
    theme: 'Farben',
    system: 'Wie das System',
    light: 'Hell',
    dark: 'Dunkel',
    offers: 'Wenn Arbeit angeboten wird',
    sound: 'Einen Ton abspielen',
    notify: 'Eine Benachrichtigung zeigen, wenn diese Seite nicht zu sehen ist',
    notifyRefused:
      'Der Browser erlaubt dieser Seite keine Benachrichtigungen. In seinen Einstellungen für diese Adresse lässt sich das ändern.',
    undo: 'Nach dem Senden',
    undoHelp:
      'Wie lange eine Antwort wartet, damit Sie sie zurücknehmen können. Wird die Seite geschlossen, geht sie sofort hinaus.',
    undoNone: 'Sofort senden',
    undoSeconds: (seconds: number) => `${seconds} Sekunden warten`,
    keys: 'Tastatur',
  },
)

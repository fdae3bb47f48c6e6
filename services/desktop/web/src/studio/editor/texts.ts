import { catalogue } from '@/texts/catalogue'

/** What the editor says itself. The keys are its own phrases. */
export const texts = catalogue(
  {
    Diagnostics: 'Findings',
    'No diagnostics': 'Nothing found',
    Completions: 'Completions',
    'Control character': 'Control character',
    'Selection deleted': 'Selection deleted',
    'folded code': 'folded lines',
    unfold: 'unfold',
    to: 'to',
    close: 'close',
    '$ unchanged lines': '$ unchanged lines',
    Accept: 'Accept',
    Reject: 'Reject',
    'Revert this chunk': 'Take the text on the left',
  },
  {
    Diagnostics: 'Befunde',
    'No diagnostics': 'Nichts gefunden',
    Completions: 'Vervollständigungen',
    'Control character': 'Steuerzeichen',
    'Selection deleted': 'Auswahl gelöscht',
    'folded code': 'eingeklappte Zeilen',
    unfold: 'ausklappen',
    to: 'bis',
    close: 'schließen',
    '$ unchanged lines': '$ unveränderte Zeilen',
    Accept: 'Übernehmen',
    Reject: 'Verwerfen',
    'Revert this chunk': 'Den Text von links nehmen',
  },
)

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { JsonSchema } from '../document/schema'

const PROJECT = new URL('../../../../../../', import.meta.url)

/** A file of the project. */
export function fileOf(path: string): string {
  return readFileSync(new URL(path, PROJECT), 'utf8')
}

/** What a program in Python prints, with the packages of the project; `input` is its standard input. */
export function python(program: string, input = ''): string {
  const interpreter = new URL('.antiphon/venv/bin/python', PROJECT).pathname
  return execFileSync(interpreter, ['-c', program], { input, encoding: 'utf8' })
}

/** The JSON Schema of the document as routing's code has it now. */
export function schemaOfTheCode(): JsonSchema {
  const program =
    'import json; from routing.domain.configuration.schema import json_schema; print(json.dumps(json_schema()))'
  return JSON.parse(python(program)) as JsonSchema
}

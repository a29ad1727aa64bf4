/** Objects in JSON without their `managedFields`: two fifths of a Job, and read by nobody of ours. */

const BEGIN = ',"managedFields":[';
/** What comes after them: in Kubernetes' own kinds they are the last of the metadata, in ours the name follows. */
const ENDS = [']},"spec":{', '],"name":"'];

/**
 * The text without the first `managedFields`; the whole text where their end is not found. None of `ENDS` begins inside a string, for it has a quote
 * after which a key begins; and if it is inside of the list, as nothing of Kubernetes' has it, then what is left has a bracket too few.
 */
function withoutWriters(text: string): string {
  const begin = text.indexOf(BEGIN);
  if (begin === -1) return text;
  const ends = ENDS.map((end) => text.indexOf(end, begin + BEGIN.length)).filter((end) => end !== -1);
  return ends.length === 0 ? text : text.slice(0, begin) + text.slice(Math.min(...ends) + 1);
}

/** What an API server said of one object. Throws where that is no JSON. */
export function parsedObject(text: string): unknown {
  const short = withoutWriters(text);
  try {
    return JSON.parse(short);
  } catch (error) {
    if (short.length === text.length) throw error;
    return JSON.parse(text);
  }
}

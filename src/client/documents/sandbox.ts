/** Sandboxes in documents. */
import { Type } from 'typebox';
import { Fields, Flag, OneOf, OrNull, Text, Texts, Time, Whole, type Documents } from './words.ts';

const SandboxRow = Fields({
  sandbox: Text('Its name.'),
  namespace: Text('Its namespace.'),
  ready: Flag('Commands can be run in it.'),
  reason: Text(
    'Of its condition Ready, such as `Ready`, `PullingImage` or `Suspended`; `Pending` before there is one.',
  ),
  message: Text('The same, for people.'),
  mode: OneOf(['Running', 'Suspended'], 'What is wanted.'),
  image: OrNull(Text('By digest once it is known, else as it was given.')),
  node: OrNull(Text('Where its Pod runs.')),
  owner: OrNull(Text('Who it is for.')),
  created_at: OrNull(Time('When it was created.')),
  expires_at: OrNull(Time('When it ends by `ttlSeconds` or `deadline`.')),
  pool: Type.Optional(
    Fields({ ready: Whole('Pods that can be taken now.'), size: Whole('Pods that there are to be.') }),
  ),
});
export type SandboxRow = Type.Static<typeof SandboxRow>;

const SandboxRemoved = Fields({
  sandbox: Text('Its name.'),
  namespace: Text('Its namespace.'),
  deleted: Flag('False where there was none, or nobody agreed.'),
});
export type SandboxRemoved = Type.Static<typeof SandboxRemoved>;

/** `sb sandbox explain`. */
const SandboxExplanation = Fields({
  sandbox: Text('Its name.'),
  ready: Flag('Commands can be run in it.'),
  reason: Text('Reason of the condition Ready.'),
  where: Text('One sentence: what that means.'),
  why: Texts('What is behind it.'),
  next: Texts('What to do: a command, or a sentence.'),
});
export type SandboxExplanation = Type.Static<typeof SandboxExplanation>;

/** Its documents, by the name of their schema. */
export const SANDBOX_DOCUMENTS = {
  sandbox: { title: 'A Sandbox', schema: SandboxRow },
  'sandbox-list': { title: 'The Sandboxes of a namespace', schema: Type.Array(SandboxRow) },
  'sandbox-explain': { title: 'Why a Sandbox is as it is', schema: SandboxExplanation },
  'sandbox-removed': { title: 'Sandboxes that were deleted', schema: Type.Array(SandboxRemoved) },
} as const satisfies Documents;

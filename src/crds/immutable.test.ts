import { expect } from 'chai';
import { immutable } from './immutable.ts';
import { sandboxDefinition, trialDefinition } from './kinds.ts';
import type { Structural } from './structural.ts';
import { text, Type } from './schema.ts';

const specOf = ({ spec }: typeof trialDefinition): Structural =>
  spec.versions[0]!.schema.openAPIV3Schema.properties!['spec']!;

const messages = ({ 'x-kubernetes-validations': rules = [] }: Structural): string[] =>
  rules.map(({ message }) => message);

const CHANGEABLE = {
  Trial: ['suspend', 'cancel', 'ttlSecondsAfterFinished', 'rerun'],
  Sandbox: ['operatingMode', 'ttlSeconds', 'idleTimeoutSeconds', 'deadline', 'pool'],
};

describe('fields that stay as they were', () => {
  for (const [kind, definition] of Object.entries({ Trial: trialDefinition, Sandbox: sandboxDefinition })) {
    const spec = specOf(definition);
    const { required = [], properties = {} } = spec;
    const fixed = Object.keys(properties).filter(
      (name) => !CHANGEABLE[kind as keyof typeof CHANGEABLE].includes(name),
    );

    it(`are all of a ${kind} but those that are meant to change`, () => {
      const marked = Object.entries(properties).filter(([name, field]) =>
        messages(field).includes(`${name} is immutable; create another ${kind}`),
      );
      expect(marked.map(([name]) => name)).to.deep.equal(fixed);
    });

    it(`can neither be added to a ${kind} nor removed where they may be missing`, () => {
      const missing = fixed.filter(
        (name) => !required.includes(name) && properties[name]?.default === undefined,
      );
      expect(missing).to.not.deep.equal([]);
      expect(messages(spec)).to.include(
        `${missing.join(', ')}: none can be added or removed; create another ${kind}`,
      );
    });
  }

  it('keep the rules and the type that they had', () => {
    const inner = { rule: 'self != "x"', message: 'not x' };
    const { fields } = immutable(
      { a: Type.Optional(text(3, 'A.', { 'x-kubernetes-validations': [inner] })), b: text(3, 'B.') },
      { kind: 'Thing', except: ['b'] },
    );
    expect(Type.IsOptional(fields.a)).to.equal(true);
    expect(messages(fields.a)).to.deep.equal(['not x', 'a is immutable; create another Thing']);
    expect(messages(fields.b)).to.deep.equal([]);
  });
});

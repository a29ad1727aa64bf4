/** Holds, at compile time, that an operator written for @dot-i/k8s-operator 1.3.9 fits ours. */
import type their from '@dot-i/k8s-operator';
import { expect } from 'chai';
import { Operator, ResourceEventType, type ResourceEvent, type ResourceMeta } from './operator.ts';

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Gives names to protected members, which types outside a class cannot reach. */
declare abstract class TheirMembers extends their.default {
  static readonly watch: TheirMembers['watchResource'];
  static readonly begin: TheirMembers['init'];
}
declare abstract class OurMembers extends Operator {
  static readonly watch: OurMembers['watchResource'];
  static readonly begin: OurMembers['init'];
}

/** Enums cannot be erased, so the type of an event is compared by its values. */
type ByValue<E extends { type: string }> = Omit<E, 'type'> & { type: `${E['type']}` };
type WithoutHandler<P extends unknown[]> = P extends [infer G, infer V, infer N, unknown, ...infer R]
  ? [G, V, N, R]
  : never;

const holds: true[] = [
  true satisfies Equal<ResourceMeta, { [K in keyof their.ResourceMeta]: their.ResourceMeta[K] }>,
  true satisfies Equal<Omit<ResourceEvent, 'type'>['object'], their.ResourceEvent['object']>,
  true satisfies Equal<ByValue<ResourceEvent>['type'], ByValue<their.ResourceEvent>['type']>,
  true satisfies Equal<ReturnType<typeof OurMembers.begin>, ReturnType<typeof TheirMembers.begin>>,
  true satisfies Equal<ReturnType<typeof OurMembers.watch>, ReturnType<typeof TheirMembers.watch>>,
  true satisfies Equal<
    WithoutHandler<Parameters<typeof OurMembers.watch>>,
    WithoutHandler<Parameters<typeof TheirMembers.watch>>
  >,
  true satisfies Equal<ReturnType<Parameters<typeof OurMembers.watch>[3]>, Promise<void>>,
  true satisfies Equal<ReturnType<Operator['start']>, ReturnType<their.default['start']>>,
];

/** A caller of theirs ignores what `stop` returns; ours can be awaited. */
const stops: (operator: Operator) => ReturnType<their.default['stop']> = (operator) => void operator.stop();

describe('the programming model of @dot-i/k8s-operator', () => {
  it('has the same names, signatures and values', () => {
    expect(holds.every(Boolean)).to.equal(true);
    expect(stops).to.be.a('function');
    expect(ResourceEventType).to.deep.equal({ Added: 'ADDED', Modified: 'MODIFIED', Deleted: 'DELETED' });
  });

  it('is written down as they would write it', () => {
    class Example extends Operator {
      protected async init(): Promise<void> {
        await this.watchResource('sb.abundant.ai', 'v1alpha1', 'trials', async (event) => {
          if (event.type === ResourceEventType.Deleted) return;
          await Promise.resolve(event.meta.name);
        });
      }
    }
    expect(Example.prototype).to.be.instanceOf(Operator);
  });
});

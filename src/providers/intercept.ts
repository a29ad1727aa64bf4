/** Decorators of ports: the same object, with something done around each of its calls. */

export interface Around {
  /** `first` is the call under way; `again` makes it once more. */
  call: (method: string, first: Promise<unknown>, again: () => Promise<unknown>) => Promise<unknown>;
  /** A method that yields one by one; default: left alone. */
  sequence?: (method: string, sequence: AsyncIterable<unknown>) => AsyncIterable<unknown>;
}

const isSequence = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** A port whose asynchronous methods go through `around`; properties and plain functions stay as they are. */
export function intercept<P extends object>(port: P, around: Around): P {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function' || typeof name !== 'string') return member;
      return (...args: unknown[]): unknown => {
        // On the port itself: a method may use private fields, which the proxy has not.
        const invoke = (): unknown => Reflect.apply(member, target, args);
        const result = invoke();
        if (result instanceof Promise) return around.call(name, result, async () => invoke());
        return isSequence(result) && around.sequence ? around.sequence(name, result) : result;
      };
    },
  });
}

/** A connection by the session's broker, which ends with the session. */
import type { EnteredKey } from '../../../wire/sandbox/names.ts';
import type { Session } from '../../session/types.ts';
import { brokerOf, type Broker } from '../broker/broker.ts';
import { Connection } from './connection.ts';

interface Opening {
  /** Default: that of the session. */
  broker?: Pick<Broker, 'connections'> | undefined;
  /** Gives up, before it is open. */
  signal?: AbortSignal | undefined;
}

/** It is being opened: see `opened`. */
export function connectionTo(
  session: Session,
  place: EnteredKey,
  { broker = brokerOf(session), signal }: Opening = {},
): Connection {
  const { closed } = session;
  const { clock, random } = session.kubeParts;
  const connection = new Connection({
    sandbox: place.name,
    connect: broker.connections(place),
    clock,
    random,
  });
  const stop = (): void => connection.close();
  closed.addEventListener('abort', stop, { once: true });
  signal?.addEventListener('abort', stop, { once: true });
  void connection.over.then(() => closed.removeEventListener('abort', stop));
  const forget = (): void => signal?.removeEventListener('abort', stop);
  connection.opened.then(forget, forget);
  return connection;
}

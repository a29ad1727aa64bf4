/** Every call that arrived, and the refusals that a test asks for. */
import { AwsError } from './wire.ts';

/** One request, in the order of arrival. */
export interface AwsCall {
  /** As IAM names it: `ecr:DescribeImages`. */
  action: string;
  /** Epoch milliseconds. */
  at: number;
  request: unknown;
  /** Who asks: the SDK's or the `aws` command's User-Agent. */
  agent: string;
  /** Code of the error that was answered. */
  error?: string;
}

/** What is answered instead of a result. */
export interface Refusal {
  code: string;
  message: string;
  status?: number;
}

export const throttled: Refusal = { code: 'ThrottlingException', message: 'Rate exceeded' };

/** As AWS words it for a role whose policies do not name the action. */
export const denied = (action: string): Refusal => ({
  code: 'AccessDeniedException',
  message:
    'User: arn:aws:sts::123456789012:assumed-role/abundant-sb-operator/sb-operator is not authorized to perform: ' +
    `${action} because no identity-based policy allows the ${action} action`,
});

interface Rule {
  action: string;
  refusal: Refusal;
  left: number;
}

export class Calls {
  readonly all: AwsCall[] = [];
  #rules: Rule[] = [];

  /** Refuses an action (`ecr:DescribeImages`, or `ecr:*`) so many times, default: until the answer is called. */
  refuse(action: string, refusal: Refusal, times = Infinity): () => void {
    const rule = { action, refusal, left: times };
    this.#rules.push(rule);
    return () => void (this.#rules = this.#rules.filter((other) => other !== rule));
  }

  /** How often an action was called. */
  count(action: string): number {
    return this.all.filter((call) => call.action === action).length;
  }

  /** Writes a call down and does it; throws `AwsError` where it is refused or fails. */
  async record<T>(made: Pick<AwsCall, 'action' | 'request' | 'agent'>, work: () => Promise<T>): Promise<T> {
    const call: AwsCall = { ...made, at: Date.now() };
    this.all.push(call);
    try {
      this.#check(call.action);
      return await work();
    } catch (error) {
      call.error = error instanceof AwsError ? error.code : String(error);
      throw error;
    }
  }

  #check(action: string): void {
    const [service] = action.split(':');
    const rule = this.#rules.find(
      ({ action: wanted, left }) => left > 0 && (wanted === action || wanted === `${service}:*`),
    );
    if (!rule) return;
    rule.left -= 1;
    const { code, message, status } = rule.refusal;
    throw new AwsError(code, message, status);
  }
}

/** The conditions of a Trial beside `Succeeded`: what they say, and the reasons that are theirs alone. */
export const TRIAL_CONDITIONS = {
  ImageReady: {
    means: 'the image exists and its digest is known',
    reasons: { Resolved: 'the registry has the image' },
  },
  Started: {
    means: 'the task container of the latest attempt was started',
    reasons: { PodStarted: 'it was started', NotStarted: 'it was not started yet' },
  },
  NetworkRestricted: {
    means:
      'the cluster keeps the Pod to its network policy; missing while nobody has tried, and where the attempt ended before',
    reasons: {
      PolicyEnforced: 'a port that the policy closes did not answer',
      PolicyNotEnforced:
        'it answered; where environment.network.enforcement is Required, the agent did not run',
    },
  },
  AgentFinished: {
    means: 'the agent ran until it ended, failed or timed out',
    reasons: { Completed: 'it ended by itself', NotRun: 'the attempt ended before the agent did' },
  },
  Verified: { means: 'the verifier left a reward', reasons: {} },
  Reconciling: {
    means: 'the Trial has not ended; missing once it has. Tools that know no Trials wait by it',
    reasons: {},
  },
  Complete: { means: 'the Trial ended with a result; missing before, as of a Job', reasons: {} },
  Failed: { means: 'the Trial ended without a result; missing before, as of a Job', reasons: {} },
  Stalled: {
    means: 'the same as Failed, for tools that know no Trials: the operator does not try again',
    reasons: {},
  },
  Uploaded: {
    means: 'the files were stored',
    reasons: {
      Stored: 'outcome.json exists; it is stored last',
      NotStored: 'there was nothing to store, or storing failed',
    },
  },
} as const;

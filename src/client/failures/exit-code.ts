/**
 * 0 finished, whatever the rewards · 1 a Trial lost to infrastructure, or problems found · 2 wrong usage · 3 preflight, permission,
 * cluster or store · 4 below --fail-under · 124 the wait timed out, the run goes on · 130 interrupted, the run goes on.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 124 | 130;

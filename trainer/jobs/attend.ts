/** Between two steps: taking up what people asked meanwhile. */
import type { EvaluateParams } from '../../protocol/control';
import type { Session } from './session';

export interface Duties {
  /** Writes a checkpoint if there is none of this step yet; resolves to the step. */
  checkpoint(): Promise<number>;
  evaluate(params: EvaluateParams): Promise<void>;
}

/**
 * Answers all that is waiting; while paused, waits for more. Returns how the run is to end when it is, after
 * which nothing more is taken.
 */
export async function attend(
  { requests, emit }: Pick<Session, 'requests' | 'emit'>,
  duties: Duties,
): Promise<'stopped' | 'interrupted' | undefined> {
  let paused = false;
  for (;;) {
    const pending = requests.take();
    if (!pending && !paused) return undefined;
    if (!pending) {
      await requests.waiting();
      continue;
    }
    const { request, answer, refuse } = pending;
    switch (request.name) {
      case 'stop':
        answer(null);
        return 'stopped';
      case 'interrupt':
        answer(null);
        return 'interrupted';
      case 'pause':
      case 'resume': {
        const pause = request.name === 'pause';
        if (pause !== paused) emit({ type: 'status', status: pause ? 'paused' : 'running' });
        paused = pause;
        answer(null);
        break;
      }
      case 'checkpoint':
        // A disk that is full now may have room when the next one is due.
        await duties.checkpoint().then((step) => answer({ step }), refuse);
        break;
      case 'evaluate':
        answer(null);
        await duties.evaluate(request.params).catch((error: unknown) => {
          emit({ type: 'notice', level: 'error', message: (error as Error).message });
        });
        // Tells that the evaluation is over, well or not.
        emit({ type: 'status', status: paused ? 'paused' : 'running' });
    }
  }
}

/* All that Declic knows of one user: the value that the fold turns over.
 *
 * Decoded into the batch's arena (codec/user_state_bin), changed there in place by the fold, encoded
 * back. Its size is bounded by the limits of the contract (journeys, remembered ids, cancels and
 * events a counter), so that a state stays under 256 KiB.
 */

def ship(run, trainer, out, log):
    raise NotImplementedError

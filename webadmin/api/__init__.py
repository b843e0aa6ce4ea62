"""The programming interface at `/api/v1/`: what the pages and the command line do, for other programs.

Bearer tokens with rights (`rights`, `tokens`) instead of sessions; the access table decides as for every page
(`web.access`, `admission`); each answer is a value described in `/api/v1/openapi.json`, each refusal a problem
with what to do (`problems`, RFC 9457). `door` is around every view: size, rate, and POSTs that are done once.

The views call the use-cases of `mailhost/provision` and `jurisdiction/records` that the command line calls. Only
`urls`, `description`, `shapes`, `paging` and `views` import django-ninja; daemons and commands load the models and
nothing else of this.
"""

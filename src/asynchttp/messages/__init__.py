"""Messages: small objects that pass between the layers, and do not change once made.

request.py   the arguments of a request
settings.py  the attributes of the Http when the request was made
step.py      the steps that policy yields: a transfer, a blocking call, coalescing
transfer.py  a request on the wire, and the reply
body.py      the body of a request
response.py  status, header fields and content of the answer
callsite.py  the place in the caller's code where a request was made
errors.py    exceptions unknown to httplib2
uri.py       the origin of a URI
"""

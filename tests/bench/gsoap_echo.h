//gsoap f09 service name: echo
//gsoap f09 service style: document
//gsoap f09 service encoding: literal
//gsoap f09 schema namespace: urn:Aspera:XML:FASPSessionNET:2009/11:Types
//gsoap f09 schema elementForm: unqualified

struct SessionFilter {
    char *JobId;
};

struct SessionInfo {
    char *UUID;
    char *JobId;
    char *Status;
};

struct SessionInfoResult {
    char *IterationToken;
    unsigned int ResultCount;
    unsigned int RemainingResultCount;
    struct SessionInfo *SessionInfo;
};

struct f09__GetSessionInfoResponse {
    struct SessionInfoResult *SessionInfoResult;
};

int f09__GetSessionInfoRequest(struct SessionFilter *SessionFilter,
                               struct f09__GetSessionInfoResponse *response);
